/**
 * Imports that no registry stores, because every compiler brings them; protobufjs brings most of google/protobuf/ itself.
 * Only what a payload or an option can name. Sources: protobuf's descriptor.proto, googleapis' google/type, Confluent's
 * protobuf-types (Apache-2.0 and BSD-3-Clause; field numbers are facts).
 */
export const KNOWN_PROTOS: Readonly<Record<string, string>> = {
  // Custom options extend these; their values stand in schemas, never in payloads.
  'google/protobuf/descriptor.proto': `syntax = "proto2"; package google.protobuf;
    message FileOptions { extensions 1000 to max; } message MessageOptions { extensions 1000 to max; }
    message FieldOptions { extensions 1000 to max; } message OneofOptions { extensions 1000 to max; }
    message EnumOptions { extensions 1000 to max; } message EnumValueOptions { extensions 1000 to max; }
    message ServiceOptions { extensions 1000 to max; } message MethodOptions { extensions 1000 to max; }`,
  'confluent/meta.proto': `syntax = "proto3"; package confluent;
    message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; }`,
  'confluent/type/decimal.proto': `syntax = "proto3"; package confluent.type;
    message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }`,
  'google/type/date.proto': `syntax = "proto3"; package google.type; message Date { int32 year = 1; int32 month = 2; int32 day = 3; }`,
  'google/type/timeofday.proto': `syntax = "proto3"; package google.type;
    message TimeOfDay { int32 hours = 1; int32 minutes = 2; int32 seconds = 3; int32 nanos = 4; }`,
  'google/type/latlng.proto': `syntax = "proto3"; package google.type; message LatLng { double latitude = 1; double longitude = 2; }`,
  'google/type/money.proto': `syntax = "proto3"; package google.type; message Money { string currency_code = 1; int64 units = 2; int32 nanos = 3; }`,
  'google/type/decimal.proto': `syntax = "proto3"; package google.type; message Decimal { string value = 1; }`,
};
