import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.Random;
import java.util.UUID;
import org.postgresql.PGConnection;
import org.postgresql.util.PGBinaryObject;
import org.postgresql.util.PGobject;

/**
 * The PostgreSQL JDBC driver: vectors in binary, nearest neighbours through an index, filters, and the life of an embedding model.
 *
 *     java -cp postgresql.jar Example.java 'jdbc:postgresql://localhost/shop?user=postgres'
 */
public class Example {
    static final int ROWS = 2000, DIMENSIONS = 32, CATEGORIES = 10;
    static int made, failed;

    /** The type vector: text, or the binary form int16 dimensions, int16 0, elements. */
    public static class Vector extends PGobject implements PGBinaryObject {
        static int readInBinary, writtenInBinary;
        float[] elements = {};

        public Vector() {
            type = "vector";
        }

        Vector(float[] elements) {
            this();
            this.elements = elements;
        }

        @Override
        public void setValue(String text) {
            String[] words = text.substring(1, text.length() - 1).split(",");
            elements = new float[words.length];
            for (int i = 0; i < words.length; i++) elements[i] = Float.parseFloat(words[i]);
        }

        @Override
        public String getValue() {
            return Arrays.toString(elements).replace(" ", "");
        }

        @Override
        public void setByteValue(byte[] bytes, int offset) {
            ByteBuffer buffer = ByteBuffer.wrap(bytes, offset, bytes.length - offset);
            readInBinary++;
            elements = new float[buffer.getShort()];
            buffer.getShort();
            for (int i = 0; i < elements.length; i++) elements[i] = buffer.getFloat();
        }

        @Override
        public int lengthInBytes() {
            return 4 + 4 * elements.length;
        }

        @Override
        public void toBytes(byte[] bytes, int offset) {
            ByteBuffer buffer = ByteBuffer.wrap(bytes, offset, lengthInBytes());
            writtenInBinary++;
            buffer.putShort((short) elements.length).putShort((short) 0);
            for (float element : elements) buffer.putFloat(element);
        }
    }

    /** A type without a class of its own goes as text. */
    static PGobject typed(String type, String text) throws SQLException {
        PGobject object = new PGobject();
        object.setType(type);
        object.setValue(text);
        return object;
    }

    /** One promise of the example, as a line of the Test Anything Protocol. */
    static void check(boolean isRight, String text) {
        made++;
        if (!isRight) failed++;
        System.out.println((isRight ? "ok " : "not ok ") + made + " - " + text);
    }

    static Connection connection;

    public static void main(String[] arguments) throws Exception {
        // The driver sends and reads binary for types that it is told of by number, so the first connection asks for the number.
        String number;
        try (Connection first = DriverManager.getConnection(arguments[0])) {
            first.createStatement().execute("CREATE EXTENSION IF NOT EXISTS vector");
            ResultSet result = first.createStatement().executeQuery("SELECT 'vector'::regtype::oid");
            result.next();
            number = result.getString(1);
        }
        Properties properties = new Properties();
        properties.setProperty("binaryTransferEnable", number);
        connection = DriverManager.getConnection(arguments[0], properties);
        connection.unwrap(PGConnection.class).addDataType("vector", Vector.class);
        vectors();
        modelLife();
        connection.close();
        System.out.println("1.." + made);
        System.exit(failed > 0 ? 1 : 0);
    }

    static void execute(String... statements) throws SQLException {
        for (String statement : statements) connection.createStatement().execute(statement);
    }

    static ResultSet query(String statement, Object... parameters) throws SQLException {
        PreparedStatement prepared = connection.prepareStatement(statement);
        for (int i = 0; i < parameters.length; i++) prepared.setObject(i + 1, parameters[i]);
        return prepared.executeQuery();
    }

    /** The rows as text, columns joined by |. */
    static List<String> list(String statement, Object... parameters) throws SQLException {
        List<String> lines = new ArrayList<>();
        ResultSet result = query(statement, parameters);
        while (result.next()) {
            List<String> words = new ArrayList<>();
            for (int i = 1; i <= result.getMetaData().getColumnCount(); i++) words.add(String.valueOf(result.getString(i)));
            lines.add(String.join("|", words));
        }
        return lines;
    }

    static String one(String statement, Object... parameters) throws SQLException {
        return list(statement, parameters).get(0);
    }

    static boolean refused(String sqlstate, String message, String statement, Object... parameters) {
        try {
            query(statement, parameters);
            return false;
        } catch (SQLException error) {
            return error.getSQLState().equals(sqlstate) && error.getMessage().contains(message);
        }
    }

    /** Vectors in clusters, as embeddings are, the same in each run; the last is one to search for. */
    static float[][] sample() {
        Random random = new Random(7);
        float[][] centers = new float[20][DIMENSIONS], all = new float[ROWS + 1][DIMENSIONS];
        for (float[] center : centers) for (int k = 0; k < DIMENSIONS; k++) center[k] = (float) random.nextGaussian();
        for (int i = 0; i < all.length; i++) for (int k = 0; k < DIMENSIONS; k++) all[i][k] = centers[i % 20][k] + (float) random.nextGaussian() / 2;
        return all;
    }

    static String sparse(int id) {
        return "{" + (id % DIMENSIONS + 1) + ":1.5}/" + DIMENSIONS;
    }

    static String bits(float[] vector) {
        StringBuilder text = new StringBuilder();
        for (float element : vector) text.append(element > 0 ? '1' : '0');
        return text.toString();
    }

    static void vectors() throws SQLException {
        float[][] all = sample();
        execute(
            "DROP TABLE IF EXISTS java_items",
            "CREATE TABLE java_items (id int PRIMARY KEY, category int, v vector(32), h halfvec(32), s sparsevec(32), b bit(32))");
        connection.setAutoCommit(false);
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO java_items VALUES (?, ?, ?, ?, ?, ?)")) {
            for (int id = 0; id < ROWS; id++) {
                insert.setInt(1, id);
                insert.setInt(2, id % CATEGORIES);
                insert.setObject(3, new Vector(all[id]));
                insert.setObject(4, typed("halfvec", new Vector(all[id]).getValue()));
                insert.setObject(5, typed("sparsevec", sparse(id)));
                insert.setObject(6, typed("bit", bits(all[id])));
                insert.addBatch();
            }
            insert.executeBatch();
        }
        connection.commit();
        connection.setAutoCommit(true);
        check(one("SELECT count(*) FROM java_items").equals("2000"), "a batch of INSERT stores every row");

        // After five executions of a statement the driver asks for binary results: text first, then binary.
        PreparedStatement read = connection.prepareStatement("SELECT v, h, s, b FROM java_items WHERE id = ?");
        boolean equal = true;
        for (int id = 0; id < 20; id++) {
            read.setInt(1, id);
            ResultSet row = read.executeQuery();
            row.next();
            equal &= Arrays.equals(((Vector) row.getObject(1)).elements, all[id]);
            equal &= row.getString(3).equals(sparse(id)) && row.getString(4).equals(bits(all[id]));
        }
        check(equal, "vectors come back as they were, sparsevec and bit too");
        check(Vector.writtenInBinary >= ROWS && Vector.readInBinary > 0, "vectors were written and, from some execution on, read in binary");

        execute(
            "CREATE INDEX ON java_items USING hnsw (v vector_l2_ops)", "CREATE INDEX ON java_items USING hnsw (h halfvec_cosine_ops)", "ANALYZE java_items",
            "SET hnsw.ef_search = 100", "SET hnsw.iterative_scan = strict_order", "SET enable_sort = off");
        Vector query = new Vector(all[ROWS]);
        search("the ten nearest vectors", "ORDER BY v <-> ? LIMIT 10", query);
        search("the ten nearest halves", "ORDER BY h <=> ? LIMIT 10", typed("halfvec", query.getValue()));
        search("the ten nearest of a category", "WHERE category = ? ORDER BY v <-> ? LIMIT 10", 3, query);
        check(
            refused("22000", "expected 32 dimensions, not 3", "INSERT INTO java_items (id, v) VALUES (-1, ?) RETURNING id", new Vector(new float[] {1, 2, 3})),
            "a vector of other dimensions is refused");
        execute("RESET ALL");
    }

    /** Compares what the index finds with the exact answer, once the plan has been looked at. */
    static void search(String text, String clauses, Object... parameters) throws SQLException {
        String statement = "SELECT id FROM java_items " + clauses;
        execute("SET enable_seqscan = off");
        check(String.join("\n", list("EXPLAIN " + statement, parameters)).contains("Index Scan using java_items_"), "through the index: " + clauses);
        List<String> found = list(statement, parameters);
        execute("RESET enable_seqscan", "SET enable_indexscan = off");
        List<String> exact = list(statement, parameters);
        execute("RESET enable_indexscan");
        check(found.size() == 10 && found.stream().filter(exact::contains).count() >= 9, text);
    }

    /** Registers, fills, promotes, replaces and rolls back a model. The Python and Go examples make the same calls. */
    static void modelLife() throws Exception {
        execute("CREATE EXTENSION IF NOT EXISTS annex");
        // A model is never forgotten, so each run of the example has a name of its own.
        String model = "docs_" + UUID.randomUUID().toString().replace("-", "").substring(0, 12);
        execute(
            "CREATE TABLE " + model + " (id bigint PRIMARY KEY, body text NOT NULL)",
            "INSERT INTO " + model + " SELECT i, 'doc ' || i FROM generate_series(1, 2000) i");

        check(one("SELECT encode(vector_send('[1,2,3]'), 'hex')").equals("000300003f8000004000000040400000"), "the wire form of a vector");
        check(
            one("SELECT annex.register_model(?, ?::text::regclass, 'id', 'body')::text", model, model).equals(model + "_embeddings"),
            "register_model makes a view");
        check(one("SELECT annex.register_version(?, 8, 'cosine')", model).equals("1"), "register_version makes version 1");
        check(one("SELECT annex.champion(?)", model).equals("null"), "nothing serves yet");
        check(fill(model, 1, 8, 5000) == 2000, "2000 rows are embedded");
        execute(one("SELECT annex.index_ddl(?, 1)", model));
        check(!one("SELECT annex.promote(?, 1, 'first release')", model).equals("null"), "promote: version 1 serves");

        check(one("SELECT annex.register_version(?, 16, 'cosine')", model).equals("2"), "a model of other dimensions is version 2");
        check(refused("55000", "is not ready", "SELECT annex.promote(?, 2)", model), "which is refused while it is empty");
        check(fill(model, 2, 16, 1000) == 1000, "half of it is filled while version 1 serves");
        execute(
            "UPDATE " + model + " SET body = body || ' (edited)' WHERE id IN (10, 20, 30)", "DELETE FROM " + model + " WHERE id = 40",
            "INSERT INTO " + model + " VALUES (9001, 'new doc')");
        check(
            list("SELECT version, total, current, stale, missing, percent FROM annex.progress(?) ORDER BY version", model)
                .equals(List.of("1|2000|1996|3|1|99.80", "2|2000|996|3|1001|49.80")),
            "progress counts edited, deleted and new rows");
        check(fill(model, 2, 16, 5000) == 1004 && fill(model, 1, 8, 5000) == 4, "both versions catch up");
        execute(one("SELECT annex.index_ddl(?, 2)", model));
        check(!one("SELECT annex.promote(?, 2, 'better')", model).equals("null"), "promote: version 2 serves");

        // A search says for which version its query was embedded: the vectors of two models are never mixed.
        String champion = one("SELECT annex.champion(?)", model);
        String nearest = one(
            "SELECT id FROM " + model + "_embeddings WHERE version = ? ORDER BY embedding <=> ? LIMIT 1", Integer.valueOf(champion), embed("doc 77", 16));
        check(champion.equals("2") && nearest.equals("77"), "a text finds its row in the version that serves");

        check(one("SELECT annex.register_version(?, 16, 'cosine')", model).equals("3"), "version 3");
        check(!one("SELECT annex.promote(?, 3, 'hot fix', force => true)", model).equals("null"), "promote, forced although empty");
        check(one("SELECT annex.rollback(?, 'v3 is empty')", model).equals("2"), "rollback: version 2 serves again");
        check(one("SELECT annex.rollback(?, 'v2 is slow')", model).equals("1"), "rollback: version 1");
        check(refused("55000", "no earlier deployment", "SELECT annex.rollback(?)", model), "there is nothing before that");
        check(
            list("SELECT action, from_version, to_version, forced, reason FROM annex.history WHERE model = ? ORDER BY id", model)
                .equals(List.of(
                    "promote|null|1|f|first release", "promote|1|2|f|better", "promote|2|3|t|hot fix", "rollback|3|2|f|v3 is empty",
                    "rollback|2|1|f|v2 is slow")),
            "history has it all");
    }

    /** Pulls what is pending, embeds it outside the database and puts it back; nothing is locked in between. */
    static int fill(String model, int version, int size, int count) throws Exception {
        ResultSet pending = query("SELECT key, content, content_hash FROM annex.pending(?, ?, ?)", model, version, count);
        PreparedStatement put = connection.prepareStatement("SELECT annex.put(?, ?, ?, ?, ?)");
        int stored = 0;
        while (pending.next()) {
            put.setString(1, model);
            put.setInt(2, version);
            put.setString(3, pending.getString(1));
            put.setObject(4, embed(pending.getString(2), size));
            put.setBytes(5, pending.getBytes(3));
            ResultSet answer = put.executeQuery();
            answer.next();
            if (answer.getBoolean(1)) stored++;
        }
        return stored;
    }

    /** A stand-in for a model: bytes of a hash of the text. */
    static Vector embed(String text, int size) throws Exception {
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
        float[] elements = new float[size];
        for (int i = 0; i < size; i++) elements[i] = (digest[i] & 0xff) - 127.5f;
        return new Vector(elements);
    }
}
