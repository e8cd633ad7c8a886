import { NODE_ID, NO_ERROR } from './api.ts';
import type { Api } from './api.ts';
import { WireWriter } from './wire.ts';
import type { WireReader } from './wire.ts';

/*
  FindCoordinator Request (Version: 4 to 6) => key_type [coordinator_keys] TAG_BUFFER
    key_type => INT8
    coordinator_keys => COMPACT_STRING
*/
function readRequest(reader: WireReader): string[] {
  reader.int8();
  const keys = reader.compactArray(() => reader.compactString());
  reader.tags();
  return keys;
}

/*
  FindCoordinator Response (Version: 4 to 6) => throttle_time_ms [coordinators] TAG_BUFFER
    throttle_time_ms => INT32
    coordinators => key node_id host port error_code error_message TAG_BUFFER
      key => COMPACT_STRING
      node_id => INT32
      host => COMPACT_STRING
      port => INT32
      error_code => INT16
      error_message => COMPACT_NULLABLE_STRING
*/
export const findCoordinator: Api = {
  key: 10,
  versionMin: 4,
  versionMax: 6,
  answer(request, cluster) {
    const writer = new WireWriter().int32(0);
    writer.compactArray(readRequest(request), (key) =>
      writer.compactString(key).int32(NODE_ID).compactString(cluster.host).int32(cluster.port).int16(NO_ERROR).compactString(null).tags(),
    );
    return writer.tags();
  },
};
