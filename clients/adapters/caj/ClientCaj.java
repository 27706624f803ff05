import com.cosylab.epics.caj.CARepeater;
import gov.aps.jca.CAStatus;
import gov.aps.jca.Channel;
import gov.aps.jca.Context;
import gov.aps.jca.JCALibrary;
import gov.aps.jca.Monitor;
import gov.aps.jca.dbr.CTRL;
import gov.aps.jca.dbr.DBR;
import gov.aps.jca.dbr.DBRType;
import gov.aps.jca.dbr.LABELS;
import gov.aps.jca.dbr.PRECISION;
import gov.aps.jca.dbr.TIME;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;

/** CAJ: the protocol in Java, behind JCA's interface. What differs from other clients, as the functions that client_*.py have: set-up
 *  (the constructor), connect, get, put, read, monitor. Time-outs are in seconds. */
class ClientCaj implements AutoCloseable {
    static final int TIME_TYPES = 14, CTRL_TYPES = 28; // DBR_TIME_STRING...: the native type is added (CA specification, "DBR types")
    static final List<String> TYPES = List.of("STRING", "SHORT", "FLOAT", "ENUM", "CHAR", "LONG", "DOUBLE"); // by DBR code

    /** A channel: what the harness passes on. */
    record PV(Channel channel) { }

    /** value: an array of the native type; stamp: seconds since 1990 and nanoseconds; alarm: status, severity. */
    interface Update {
        void take(String name, Object value, long[] stamp, int[] alarm);
    }

    final Context context;

    ClientCaj() throws Exception {
        System.setProperty("jca.use_env", "true"); // EPICS_CA_...; else its own configuration
        System.setProperty(CARepeater.CA_DISABLE_REPEATER, "true"); // it would start one
        context = JCALibrary.getInstance().createContext(JCALibrary.CHANNEL_ACCESS_JAVA);
        context.initialize();
    }

    @Override
    public void close() throws Exception {
        context.destroy();
    }

    static String version() {
        Properties pom = new Properties();
        try (InputStream in = JCALibrary.class.getResourceAsStream("/META-INF/maven/org.epics/jca/pom.properties")) {
            pom.load(in);
        } catch (Exception e) {
            return null;
        }
        return pom.getProperty("version");
    }

    List<PV> connect(List<String> names, double timeout) throws Exception {
        List<PV> pvs = new ArrayList<>();
        for (String name : names)
            pvs.add(new PV(context.createChannel(name)));
        try {
            context.pendIO(timeout);
        } catch (gov.aps.jca.TimeoutException e) {
            for (PV pv : pvs)
                if (pv.channel.getConnectionState() != Channel.CONNECTED)
                    throw new TimeoutException("not connected in time: " + pv.channel.getName());
        }
        return pvs;
    }

    Object get(PV pv, double timeout) throws Exception {
        DBR answer = pv.channel.get(); // travels
        context.pendIO(timeout);
        return answer.getValue();
    }

    /** Everything that the library knows of the PV, but its value's form: that is the harness's. */
    Map<String, Object> read(PV pv, double timeout) throws Exception {
        Channel channel = pv.channel;
        int type = channel.getFieldType().getValue();
        DBR value = channel.get(DBRType.forValue(TIME_TYPES + type), channel.getElementCount());
        DBR control = channel.get(DBRType.forValue(CTRL_TYPES + type), 1);
        context.pendIO(timeout);
        Map<String, Object> known = new TreeMap<>(Map.of("value", value.getValue(), "type", TYPES.get(type),
            "count", channel.getElementCount(), "access", (channel.getReadAccess() ? 1 : 0) + (channel.getWriteAccess() ? 2 : 0)));
        if (value instanceof TIME time)
            known.putAll(Map.of("status", time.getStatus().getValue(), "severity", time.getSeverity().getValue(),
                "seconds", time.getTimeStamp().secPastEpoch(), "nanoseconds", time.getTimeStamp().nsec()));
        if (control instanceof PRECISION precise)
            known.put("precision", precise.getPrecision());
        if (control instanceof LABELS labelled)
            known.put("labels", labelled.getLabels());
        if (control instanceof CTRL limited) {
            known.put("units", limited.getUnits());
            known.put("limits", limits(limited));
        }
        return known;
    }

    static Map<String, Number> limits(CTRL of) {
        return Map.of("upper_disp", of.getUpperDispLimit(), "lower_disp", of.getLowerDispLimit(),
            "upper_alarm", of.getUpperAlarmLimit(), "upper_warning", of.getUpperWarningLimit(),
            "lower_warning", of.getLowerWarningLimit(), "lower_alarm", of.getLowerAlarmLimit(),
            "upper_ctrl", of.getUpperCtrlLimit(), "lower_ctrl", of.getLowerCtrlLimit());
    }

    void put(PV pv, Object value, double timeout) throws Exception {
        CountDownLatch done = new CountDownLatch(1);
        AtomicReference<CAStatus> status = new AtomicReference<>();
        gov.aps.jca.event.PutListener listener = event -> {
            status.set(event.getStatus());
            done.countDown();
        };
        if (value instanceof Number number)
            pv.channel.put(number.doubleValue(), listener);
        else
            pv.channel.put(value.toString(), listener);
        context.flushIO();
        if (!done.await((long) (timeout * 1e9), TimeUnit.NANOSECONDS))
            throw new TimeoutException("no answer to a put in time: " + pv.channel.getName());
        if (!status.get().isSuccessful())
            throw new IllegalStateException("put refused: " + status.get().getMessage());
    }

    void monitor(List<String> names, Update update, double timeout) throws Exception {
        for (PV pv : connect(names, timeout)) {
            Channel channel = pv.channel;
            DBRType type = DBRType.forValue(TIME_TYPES + channel.getFieldType().getValue());
            channel.addMonitor(type, channel.getElementCount(), Monitor.VALUE | Monitor.LOG | Monitor.ALARM, event -> {
                if (event.getStatus().isSuccessful() && event.getDBR() instanceof TIME time)
                    update.take(channel.getName(), event.getDBR().getValue(),
                        new long[] {time.getTimeStamp().secPastEpoch(), time.getTimeStamp().nsec()},
                        new int[] {time.getStatus().getValue(), time.getSeverity().getValue()});
            });
        }
        context.flushIO();
    }
}
