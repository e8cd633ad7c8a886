import { NO_ERROR, UNSUPPORTED_VERSION } from './api.ts';
import type { Api } from './api.ts';
import { WireWriter } from './wire.ts';

export const API_VERSIONS_KEY = 18;
const VERSION_MAX = 3;
const FLEXIBLE_FROM = 3;

/*
  ApiVersions Request (Version: 0 to 2) =>                       (Version: 3) => client_software_name client_software_version TAG_BUFFER

  ApiVersions Response (Version: 0) => error_code [api_keys]
                       (Version: 1, 2) => error_code [api_keys] throttle_time_ms
                       (Version: 3) => error_code [api_keys] throttle_time_ms TAG_BUFFER     compact array, TAG_BUFFER in each key
    error_code => INT16
    api_keys => api_key min_version max_version
      api_key => INT16
      min_version => INT16
      max_version => INT16
    throttle_time_ms => INT32

  A version we do not have is answered in version 0 with error 35, so that the client can ask again (KIP-511). The request's body says
  nothing we need.
*/
export function answerApiVersions(version: number, apis: readonly Api[]): WireWriter {
  const keys = [{ key: API_VERSIONS_KEY, versionMin: 0, versionMax: VERSION_MAX }, ...apis];
  const known = version <= VERSION_MAX;
  const writer = new WireWriter().int16(known ? NO_ERROR : UNSUPPORTED_VERSION);
  if (known && version >= FLEXIBLE_FROM) {
    writer.compactArray(keys, (api) => writer.int16(api.key).int16(api.versionMin).int16(api.versionMax).tags());
    return writer.int32(0).tags();
  }
  writer.int32(keys.length);
  for (const api of keys) writer.int16(api.key).int16(api.versionMin).int16(api.versionMax);
  return known && version >= 1 ? writer.int32(0) : writer;
}
