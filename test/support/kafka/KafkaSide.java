import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.FileWriter;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Kafka's own clients beside ours: one JSON request a line on stdin, each in a thread of its own, one JSON answer a line on stdout.
 * `produce` keeps a ledger of what it wrote, `read` tells what the broker gives; both by the digest of `digest` below, one record a line.
 */
public class KafkaSide {
    static final ObjectMapper JSON = new ObjectMapper();
    static String brokers;

    public static void main(String[] args) throws Exception {
        brokers = args[0];
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            JsonNode request = JSON.readTree(line);
            new Thread(() -> answer(request)).start();
        }
        System.exit(0);
    }

    static void answer(JsonNode request) {
        Map<String, Object> answer = new TreeMap<>();
        answer.put("id", request.get("id").asInt());
        try {
            switch (request.get("op").asText()) {
                case "produce" -> answer.put("result", produce(request));
                case "read" -> answer.put("result", read(request));
                default -> answer.put("error", "unknown op");
            }
        } catch (Throwable error) {
            answer.put("error", error + (error.getCause() == null ? "" : ": " + error.getCause()));
        }
        try {
            String text = JSON.writeValueAsString(answer);
            synchronized (System.out) { System.out.println(text); System.out.flush(); }
        } catch (Exception error) {
            throw new RuntimeException(error);
        }
    }

    /** Records of one kind, in transactions of `perTransaction` (0: none), a share of which is aborted. Line: partition offset digest c|a. */
    static Map<String, Object> produce(JsonNode request) throws Exception {
        String topic = request.get("topic").asText();
        int perTransaction = request.get("perTransaction").asInt();
        boolean transactional = perTransaction > 0;
        Random random = new Random(request.get("seed").asLong());
        Properties properties = common();
        properties.put("acks", "all");
        properties.put("enable.idempotence", "true");
        properties.put("linger.ms", "5");
        properties.put("delivery.timeout.ms", "180000");
        properties.put("max.request.size", "1200000");
        if (transactional) properties.put("transactional.id", "side-" + topic + "-" + request.get("seed").asLong());
        long produced = 0, aborted = 0, began = System.nanoTime();
        long count = request.get("count").asLong();
        double rate = request.get("ratePerS").asDouble();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
                BufferedWriter ledger = new BufferedWriter(new FileWriter(request.get("ledger").asText()))) {
            int partitions = producer.partitionsFor(topic).size();
            if (transactional) producer.initTransactions();
            while (produced < count) {
                int size = (int) Math.min(count - produced, transactional ? 1 + random.nextInt(2 * perTransaction) : 1000);
                boolean abort = transactional && random.nextDouble() < request.get("abortShare").asDouble();
                String[] lines = new String[size];
                Throwable[] failure = new Throwable[1];
                if (transactional) producer.beginTransaction();
                for (int i = 0; i < size; i++) {
                    int at = i;
                    ProducerRecord<byte[], byte[]> record = record(topic, random.nextInt(partitions), request.get("kind").asText(), produced + i, random);
                    String digest = digest(record.timestamp(), record.key(), record.value(), record.headers());
                    producer.send(record, (metadata, error) -> {
                        if (error != null) failure[0] = error;
                        else lines[at] = metadata.partition() + "\t" + metadata.offset() + "\t" + digest + "\t" + (abort ? "a" : "c") + "\n";
                    });
                }
                producer.flush();
                if (failure[0] != null) throw new IllegalStateException("a record was refused", failure[0]);
                if (transactional) end(producer, abort);
                for (String line : lines) ledger.write(line);
                produced += size;
                if (abort) aborted += size;
                long dueMs = (long) (produced / rate * 1000) - (System.nanoTime() - began) / 1_000_000;
                if (rate > 0 && dueMs > 0) Thread.sleep(dueMs);
            }
        }
        return Map.of("records", produced, "aborted", aborted);
    }

    /** A broker that is down for a moment lets the end of a transaction time out; asking again is safe. */
    static void end(KafkaProducer<byte[], byte[]> producer, boolean abort) {
        for (int tries = 0; ; tries++) {
            try {
                if (abort) producer.abortTransaction();
                else producer.commitTransaction();
                return;
            } catch (TimeoutException error) {
                if (tries == 5) throw error;
            }
        }
    }

    static ProducerRecord<byte[], byte[]> record(String topic, int partition, String kind, long n, Random random) {
        long now = System.currentTimeMillis();
        return switch (kind) {
            case "events" -> {
                byte[] key = random.nextInt(10) == 0 ? null : text("k-" + random.nextInt(5000));
                String id = Long.toHexString(random.nextLong());
                String[] types = {"click", "purchase", "view"};
                String json = "{\"event_id\":\"" + id + "\",\"event_type\":\"" + types[random.nextInt(3)] + "\",\"timestamp\":" + (now - random.nextInt(60_000)) + ",\"value\":" + random.nextInt(10_000) / 100.0 + "}";
                yield new ProducerRecord<>(topic, partition, now, key, text(json));
            }
            case "keyed" -> new ProducerRecord<>(topic, partition, now, text("k-" + random.nextInt(300)), random.nextInt(5) == 0 ? null : text("{\"n\":" + n + "}"));
            case "large" -> {
                byte[] value = new byte[1_000_000 + random.nextInt(40_000)];
                if (n % 2 == 0) random.nextBytes(value);
                else for (int i = 0; i < value.length; i++) value[i] = (byte) (' ' + random.nextInt(94));
                yield new ProducerRecord<>(topic, partition, now, text("large-" + n), value);
            }
            case "odd" -> odd(topic, partition, n, random);
            default -> throw new IllegalArgumentException(kind);
        };
    }

    /** What a topic may hold and few expect. */
    static ProducerRecord<byte[], byte[]> odd(String topic, int partition, long n, Random random) {
        byte[] noise = new byte[1 + random.nextInt(64)];
        random.nextBytes(noise);
        byte[] empty = new byte[0];
        List<Header> headers = new ArrayList<>();
        if (n % 3 == 0) headers.add(new RecordHeader("bytes", noise));
        if (n % 4 == 0) headers.add(new RecordHeader("null", (byte[]) null));
        if (n % 5 == 0) { headers.add(new RecordHeader("twice", text("1"))); headers.add(new RecordHeader("twice", empty)); }
        if (n % 7 == 0) headers.add(new RecordHeader("", text("no name")));
        if (n % 7 == 1) headers.add(new RecordHeader("ünïcode \u0001", text("é")));
        byte[] key = switch ((int) (n % 5)) { case 0 -> null; case 1 -> empty; case 2 -> noise; case 3 -> text("ключ"); default -> text("k" + n); };
        byte[] value = switch ((int) (n % 6)) {
            case 0 -> null;
            case 1 -> empty;
            case 2 -> noise;
            case 3 -> text("a\u0000b");
            case 4 -> new byte[] {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF, '{', '}'};
            default -> text("{\"n\":" + n + "}");
        };
        long[] times = {0, 1, 1_700_000_000_123L, System.currentTimeMillis(), 253_402_300_799_999L};
        return new ProducerRecord<>(topic, partition, times[(int) (n % times.length)], key, value, headers);
    }

    /** What a consumer gets from the first offset to the end. Line: partition offset digest. */
    static Map<String, Object> read(JsonNode request) throws Exception {
        Properties properties = common();
        properties.put("isolation.level", request.get("isolation").asText());
        properties.put("enable.auto.commit", "false");
        properties.put("auto.offset.reset", "earliest");
        long records = 0;
        String topicId;
        try (Admin admin = Admin.create(properties)) {
            Uuid id = admin.describeTopics(List.of(request.get("topic").asText())).allTopicNames().get().values().iterator().next().topicId();
            topicId = new java.util.UUID(id.getMostSignificantBits(), id.getLeastSignificantBits()).toString();
        }
        Map<String, Long> starts = new TreeMap<>(), ends = new TreeMap<>();
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
                BufferedWriter out = new BufferedWriter(new FileWriter(request.get("out").asText()))) {
            List<TopicPartition> partitions = consumer.partitionsFor(request.get("topic").asText()).stream().map(p -> new TopicPartition(p.topic(), p.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> last = consumer.endOffsets(partitions);
            consumer.beginningOffsets(partitions).forEach((p, offset) -> starts.put("" + p.partition(), offset));
            last.forEach((p, offset) -> ends.put("" + p.partition(), offset));
            while (partitions.stream().anyMatch(p -> consumer.position(p) < last.get(p))) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                    out.write(record.partition() + "\t" + record.offset() + "\t" + digest(record.timestamp(), record.key(), record.value(), record.headers()) + "\n");
                    records++;
                }
            }
        }
        return Map.of("records", records, "topicId", topicId, "starts", starts, "ends", ends);
    }

    static Properties common() {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", brokers);
        return properties;
    }

    /** The first 16 bytes of SHA-256 over time, key, value and headers, each text before its length; absent is -1, an empty value is absent. */
    static String digest(long timestamp, byte[] key, byte[] value, Iterable<Header> headers) throws Exception {
        MessageDigest sha = MessageDigest.getInstance("SHA-256");
        sha.update(java.nio.ByteBuffer.allocate(8).putLong(timestamp).array());
        add(sha, key);
        add(sha, value == null || value.length == 0 ? null : value);
        for (Header header : headers) {
            add(sha, text(header.key()));
            add(sha, header.value());
        }
        return HexFormat.of().formatHex(sha.digest(), 0, 16);
    }

    static void add(MessageDigest sha, byte[] bytes) {
        sha.update(java.nio.ByteBuffer.allocate(4).putInt(bytes == null ? -1 : bytes.length).array());
        if (bytes != null) sha.update(bytes);
    }

    static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
