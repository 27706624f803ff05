import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.io.PrintStream;
import java.lang.reflect.Array;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.IntStream;

/** The harness of the Java client, as adapter.py is that of the Python clients: runs one job and prints one JSON line.
 *
 *      java -cp ... Adapter JOB.json
 *
 *  Tasks: setup, connect, monitor, watch, read. A job's "rehearse_s" is a stage before those of `connect`: the same connect and gets, each
 *  time in a new context, for so many seconds, so that the JIT compiler has done its work before anything is timed. */
class Adapter {
    static final Gson GSON = new GsonBuilder().serializeNulls().create();
    static final int SHOWN = 16; // elements of an array in a read's answer
    static final List<String> COLUMNS = List.of("arrived_ns", "sum", "serial", "seconds", "nanoseconds");

    public static void main(String[] args) {
        PrintStream line = System.out;
        System.setOut(System.err);
        JsonObject answer = new JsonObject();
        answer.addProperty("client", "caj");
        answer.addProperty("version", ClientCaj.version());
        String error = null;
        try {
            run(GSON.fromJson(Files.readString(Path.of(args[0])), Job.class), answer);
        } catch (Exception e) {
            error = e instanceof TimeoutException ? e.getMessage() : e.toString();
        }
        answer.addProperty("ok", error == null);
        answer.addProperty("error", error);
        line.println(GSON.toJson(answer));
        line.flush();
        System.exit(error == null ? 0 : 1); // the library's threads go on
    }

    /** What a job may have, with the adapters' defaults. */
    static class Job {
        String task, name, names_file, order = "together";
        List<String> names;
        int gets = 2, get_names = 1;
        Put put;
        double seconds, warmup_s, rehearse_s, timeout_s = 60;

        List<String> names() throws Exception {
            if (names_file != null)
                return List.of(Files.readString(Path.of(names_file)).trim().split("\\s+"));
            return names != null ? names : List.of(name);
        }
    }

    static class Put {
        String name;
        Object value;
    }

    static void run(Job job, JsonObject answer) throws Exception {
        answer.addProperty("task", job.task);
        Deadline deadline = new Deadline(job.timeout_s + job.rehearse_s);
        if (job.task.equals("connect") && job.rehearse_s > 0)
            rehearse(job, answer, deadline);
        long begin = System.nanoTime();
        ClientCaj client = new ClientCaj(); // never closed: the line is out first
        answer.addProperty("setup_ns", System.nanoTime() - begin);
        switch (job.task) {
            case "setup" -> { }
            case "connect" -> connect(client, job, answer, deadline);
            case "monitor" -> monitor(client, job, answer, deadline);
            case "watch" -> watch(client, job, answer, deadline);
            case "read" -> read(client, job, answer, deadline);
            default -> throw new IllegalArgumentException("unknown task '" + job.task + "'");
        }
    }

    // ---- tasks ----

    static void rehearse(Job job, JsonObject answer, Deadline deadline) throws Exception {
        long begin = System.nanoTime(), rounds = 0;
        for (; System.nanoTime() - begin < job.rehearse_s * 1e9; rounds++)
            try (ClientCaj client = new ClientCaj()) {
                List<ClientCaj.PV> pvs = client.connect(job.names(), deadline.left());
                for (ClientCaj.PV pv : read(job, pvs))
                    client.get(pv, deadline.left());
            }
        answer.addProperty("rehearsals", rounds);
        answer.addProperty("rehearse_ns", System.nanoTime() - begin);
    }

    static List<ClientCaj.PV> read(Job job, List<ClientCaj.PV> pvs) {
        return pvs.subList(0, Math.min(job.get_names, pvs.size()));
    }

    static void connect(ClientCaj client, Job job, JsonObject answer, Deadline deadline) throws Exception {
        long begin = System.nanoTime();
        List<ClientCaj.PV> pvs = new ArrayList<>();
        if (job.order.equals("together"))
            pvs = client.connect(job.names(), deadline.left());
        else
            for (String name : job.names())
                pvs.addAll(client.connect(List.of(name), deadline.left()));
        answer.addProperty("connect_ns", System.nanoTime() - begin);
        answer.addProperty("connected", pvs.size());
        get(client, job, pvs, answer, deadline);
        answer.add("put_ns", null);
        if (job.put != null)
            put(client, job.put, answer, deadline);
    }

    static void get(ClientCaj client, Job job, List<ClientCaj.PV> pvs, JsonObject answer, Deadline deadline) throws Exception {
        JsonArray ns = new JsonArray(), values = new JsonArray();
        for (int i = 0; i < job.gets; i++) {
            List<Object> got = new ArrayList<>();
            long begin = System.nanoTime();
            for (ClientCaj.PV pv : read(job, pvs))
                got.add(client.get(pv, deadline.left()));
            ns.add(System.nanoTime() - begin);
            values.add(GSON.toJsonTree(shortened(got.get(0))));
        }
        answer.add("get_ns", ns);
        answer.add("values", values);
    }

    static void put(ClientCaj client, Put put, JsonObject answer, Deadline deadline) throws Exception {
        ClientCaj.PV pv = client.connect(List.of(put.name), deadline.left()).get(0);
        long begin = System.nanoTime();
        client.put(pv, put.value, deadline.left());
        answer.addProperty("put_ns", System.nanoTime() - begin);
    }

    static void monitor(ClientCaj client, Job job, JsonObject answer, Deadline deadline) throws Exception {
        List<List<Number>> rows = new ArrayList<>();
        long begin = System.nanoTime();
        collect(client, job.names(), job.warmup_s + job.seconds, deadline, (name, value, stamp, alarm) -> {
            if (rows.isEmpty())
                answer.addProperty("native_count", Array.getLength(value));
            long arrived = System.nanoTime();
            rows.add(List.of(arrived, sum(value), serial(value), stamp[0], stamp[1]));
        });
        JsonObject frames = new JsonObject();
        for (int i = 0; i < COLUMNS.size(); i++) {
            JsonArray column = new JsonArray();
            for (List<Number> row : rows)
                column.add(row.get(i));
            frames.add(COLUMNS.get(i), column);
        }
        answer.add("frames", frames);
        answer.addProperty("first_ns", rows.get(0).get(0).longValue() - begin);
    }

    static void watch(ClientCaj client, Job job, JsonObject answer, Deadline deadline) throws Exception {
        Map<String, List<List<Object>>> updates = new TreeMap<>();
        for (String name : job.names())
            updates.put(name, new ArrayList<>());
        collect(client, job.names(), job.seconds, deadline, (name, value, stamp, alarm) ->
            updates.get(name).add(List.of(stamp[0], stamp[1], shortened(value), alarm[0], alarm[1])));
        answer.add("updates", GSON.toJsonTree(updates));
    }

    static void read(ClientCaj client, Job job, JsonObject answer, Deadline deadline) throws Exception {
        Map<String, Object> pvs = new TreeMap<>();
        List<ClientCaj.PV> connected = client.connect(job.names(), deadline.left());
        for (int i = 0; i < connected.size(); i++) {
            Map<String, Object> known = client.read(connected.get(i), deadline.left());
            describe(known);
            pvs.put(job.names().get(i), known);
        }
        answer.add("pvs", GSON.toJsonTree(pvs));
    }

    /** A scalar, or an array's first elements and (of numbers) the sum of all. */
    static void describe(Map<String, Object> known) {
        Object value = known.get("value");
        int n = Array.getLength(value);
        List<Object> shown = new ArrayList<>();
        for (int i = 0; i < Math.min(n, SHOWN); i++)
            shown.add(Array.get(value, i));
        known.put("value", n == 1 ? shown.get(0) : shown);
        if (n > 1 && value instanceof short[])
            known.put("sum", sum(value));
        else if (n > 1 && !(value instanceof String[]))
            known.put("sum", (long) IntStream.range(0, n).mapToDouble(i -> Array.getDouble(value, i)).sum());
    }

    /** Subscribe, wait for the first update of each name, go on for so many seconds; an update later than that is not taken. */
    static void collect(ClientCaj client, List<String> names, double seconds, Deadline deadline, ClientCaj.Update update)
            throws Exception {
        CountDownLatch first = new CountDownLatch(names.size());
        List<String> waiting = new ArrayList<>(names);
        boolean[] open = {true};
        Object lock = new Object(); // an update that is being taken is waited for
        client.monitor(names, (name, value, stamp, alarm) -> {
            synchronized (lock) {
                if (!open[0])
                    return;
                update.take(name, value, stamp, alarm);
                if (waiting.remove(name))
                    first.countDown();
            }
        }, deadline.left());
        if (!first.await((long) (deadline.left() * 1e9), TimeUnit.NANOSECONDS))
            throw new TimeoutException("no update in time: " + waiting.get(0));
        System.err.println("monitoring");
        Thread.sleep((long) (seconds * 1000));
        synchronized (lock) {
            open[0] = false;
        }
    }

    // ---- small helpers ----

    /** One budget, in seconds, for all that a job does. */
    static class Deadline {
        final long end;

        Deadline(double seconds) {
            end = System.nanoTime() + (long) (seconds * 1e9);
        }

        double left() {
            return Math.max(0.001, (end - System.nanoTime()) / 1e9);
        }
    }

    /** A value in one number or text: that of a scalar; an array's is its serial number. */
    static Object shortened(Object value) {
        return Array.getLength(value) > 1 ? serial(value) : Array.get(value, 0);
    }

    static long serial(Object frame) {
        long number = 0;
        for (int i = 0; i < 4; i++)
            number = number << 16 | ((Number) Array.get(frame, i)).longValue() & 0xFFFF;
        return number;
    }

    static long sum(Object frame) {
        long sum = 0;
        for (short element : (short[]) frame)
            sum += element;
        return sum;
    }
}
