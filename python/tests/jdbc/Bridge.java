import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.math.BigDecimal;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.sql.Array;
import java.sql.Date;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Time;
import java.sql.Timestamp;
import java.util.ArrayList;
import java.util.Calendar;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TimeZone;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;

/**
 * A JVM at the other end of a pipe, so that tests in Python can use a JDBC driver as programs in Java do.
 *
 * <p>Reads one command a line, words apart by tabs and percent-encoded; answers each with one line of JSON. It knows
 * nothing of any driver: it calls methods by their names, and keeps the objects that they give. Refuses what Java
 * would not compile, such as a method that there is not for these arguments.
 *
 * <pre>
 *   call TARGET METHOD ARGUMENT...    what the method gives; TARGET is a number, or the name of a class
 *   start TARGET METHOD ARGUMENT...   the same on a thread of its own; gives a number to `join`
 *   join NUMBER                       waits for it, and gives what it gave
 *   rows NUMBER GETTER,GETTER...      all rows of a ResultSet, each column by all getters; or a word for each column
 *   drop NUMBER                       forgets an object
 * </pre>
 */
public final class Bridge {
    private static final Map<String, Object> OBJECTS = new ConcurrentHashMap<>();
    private static int last = 0;

    public static void main(String[] arguments) throws Exception {
        PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        // Whatever a driver prints must not be taken for an answer.
        System.setOut(System.err);
        var commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            List<String> words = new ArrayList<>();
            for (String word : line.split("\t", -1)) {
                words.add(URLDecoder.decode(word, StandardCharsets.UTF_8));
            }
            answers.println(answer(words));
        }
        System.exit(0);
    }

    private static String answer(List<String> words) {
        try {
            Object target = words.size() > 1 ? OBJECTS.get(words.get(1)) : null;
            return switch (words.get(0)) {
                case "call" -> "{\"value\": " + returned(call(words)) + "}";
                case "start" -> "{\"value\": " + json(start(words)) + "}";
                case "join" -> "{\"value\": " + returned(join((CompletableFuture<?>) target)) + "}";
                case "rows" -> "{\"value\": " + rows((ResultSet) target, words.subList(2, words.size())) + "}";
                case "drop" -> "{\"value\": " + json(OBJECTS.remove(words.get(1)) != null) + "}";
                default -> throw new IllegalArgumentException("no command " + words.get(0));
            };
        } catch (Throwable error) {
            return "{\"error\": " + described(error) + "}";
        }
    }

    private static Object call(List<String> words) throws Throwable {
        Object target = OBJECTS.get(words.get(1));
        Class<?> type = target == null ? Class.forName(words.get(1)) : target.getClass();
        Object[] values = words.subList(3, words.size()).stream().map(Bridge::value).toArray();
        Method method = find(type, words.get(2), values);
        try {
            return method.invoke(target, values);
        } catch (InvocationTargetException error) {
            throw error.getCause();
        }
    }

    private static CompletableFuture<Object> start(List<String> words) {
        var result = new CompletableFuture<Object>();
        var thread = new Thread(() -> {
            try {
                result.complete(call(words));
            } catch (Throwable error) {
                result.completeExceptionally(error);
            }
        });
        thread.setDaemon(true);
        thread.start();
        return result;
    }

    private static Object join(CompletableFuture<?> result) throws Throwable {
        try {
            return result.get();
        } catch (ExecutionException error) {
            throw error.getCause();
        }
    }

    /** The method that fits best: a primitive before its class, and a class before Object. */
    private static Method find(Class<?> type, String name, Object[] values) throws NoSuchMethodException {
        Method best = null;
        int most = -1;
        for (Method method : type.getMethods()) {
            int fit = method.getName().equals(name) ? fit(method.getParameterTypes(), values) : -1;
            if (fit > most) {
                best = method;
                most = fit;
            }
        }
        if (best == null) {
            throw new NoSuchMethodException(type.getName() + "." + name + " for these " + values.length + " arguments");
        }
        best.setAccessible(!best.getDeclaringClass().getName().startsWith("java."));
        return best;
    }

    private static int fit(Class<?>[] wanted, Object[] values) {
        if (wanted.length != values.length) {
            return -1;
        }
        int points = 0;
        for (int index = 0; index < values.length; index++) {
            Class<?> own = values[index] == null ? null : values[index].getClass();
            if (own == null ? wanted[index].isPrimitive() : !boxed(wanted[index]).isAssignableFrom(own)) {
                return -1;
            }
            points += wanted[index].isPrimitive() ? 2 : wanted[index] == Object.class ? 0 : 1;
        }
        return points;
    }

    private static Class<?> boxed(Class<?> type) {
        return type.isPrimitive() ? java.lang.invoke.MethodType.methodType(type).wrap().returnType() : type;
    }

    /** An argument: the letter of its type and its text. */
    private static Object value(String word) {
        String text = word.substring(1);
        return switch (word.charAt(0)) {
            case '-' -> null;
            case 's' -> text;
            case 'z' -> Boolean.valueOf(text);
            case 'b' -> Byte.valueOf(text);
            case 'h' -> Short.valueOf(text);
            case 'i' -> Integer.valueOf(text);
            case 'l' -> Long.valueOf(text);
            case 'f' -> Float.valueOf(text);
            case 'd' -> Double.valueOf(text);
            case 'n' -> new BigDecimal(text);
            case 'x' -> HexFormat.of().parseHex(text);
            case 'D' -> Date.valueOf(text);
            case 'T' -> Time.valueOf(text);
            case 'S' -> Timestamp.valueOf(text);
            case 'Z' -> TimeZone.getTimeZone(text);
            case 'C' -> Calendar.getInstance(TimeZone.getTimeZone(text));
            case 'K' -> named(text);
            case 'A' -> text.split("\u001f", -1);
            case 'O' -> OBJECTS.get(text);
            default -> throw new IllegalArgumentException("no type " + word.charAt(0));
        };
    }

    private static Class<?> named(String name) {
        try {
            return Class.forName(name);
        } catch (ClassNotFoundException error) {
            throw new IllegalArgumentException(error);
        }
    }

    private static String rows(ResultSet result, List<String> getters) throws SQLException {
        var rows = new ArrayList<String>();
        while (result.next()) {
            int columns = result.getMetaData().getColumnCount();
            var cells = new ArrayList<String>();
            for (int column = 1; column <= columns; column++) {
                for (String getter : getters.get(getters.size() == 1 ? 0 : column - 1).split(",")) {
                    cells.add(cell(result, getter, column));
                }
            }
            rows.add(listed(cells));
        }
        return listed(rows);
    }

    private static String cell(ResultSet result, String getter, int column) {
        try {
            return json(find(ResultSet.class, getter, new Object[] {column}).invoke(result, column));
        } catch (InvocationTargetException error) {
            return "[\"error\", " + described(error.getCause()) + "]";
        } catch (ReflectiveOperationException | SQLException error) {
            return "[\"error\", " + described(error) + "]";
        }
    }

    /** What a method gave. An array of JDBC stays one, to be bound as a parameter. */
    private static String returned(Object value) throws SQLException {
        return value instanceof Array ? kept(value) : json(value);
    }

    private static String kept(Object value) {
        String number = String.valueOf(++last);
        OBJECTS.put(number, value);
        return "[\"object\", " + quoted(number) + "]";
    }

    /** A value as the name of its class and its text; what has no text is kept, and has a number. */
    private static String json(Object value) throws SQLException {
        if (value == null) {
            return "null";
        }
        String type = value.getClass().getSimpleName();
        if (value instanceof byte[] bytes) {
            return "[\"bytes\", " + quoted(HexFormat.of().formatHex(bytes)) + "]";
        }
        if (value instanceof Object[] elements) {
            return "[\"list\", " + elements(List.of(elements.clone())) + "]";
        }
        if (value instanceof Array array) {
            return "[\"list\", " + elements(java.util.Arrays.asList((Object[]) array.getArray())) + "]";
        }
        if (value instanceof List<?> list) {
            return "[\"list\", " + elements(list) + "]";
        }
        if (isText(value)) {
            return "[" + quoted(type) + ", " + quoted(value.toString()) + "]";
        }
        return kept(value);
    }

    private static boolean isText(Object value) {
        return value instanceof CharSequence
                || value instanceof Number
                || value instanceof Boolean
                || value instanceof java.util.Date
                || value instanceof java.time.temporal.Temporal
                || value instanceof java.time.temporal.TemporalAmount
                || List.of("Text", "PeriodDuration").contains(value.getClass().getSimpleName());
    }

    private static String elements(List<?> values) throws SQLException {
        var texts = new ArrayList<String>();
        for (Object value : values) {
            texts.add(json(value));
        }
        return listed(texts);
    }

    private static String listed(List<String> texts) {
        return "[" + String.join(", ", texts) + "]";
    }

    /** Class, message with those of its causes, and SQLSTATE. */
    private static String described(Throwable error) {
        var messages = new StringBuilder(String.valueOf(error.getMessage()));
        for (Throwable cause = error.getCause(); cause != null; cause = cause.getCause()) {
            messages.append("; ").append(cause.getMessage());
        }
        String state = error instanceof SQLException sql ? sql.getSQLState() : null;
        List<String> texts = List.of(error.getClass().getSimpleName(), messages.toString());
        return listed(List.of(quoted(texts.get(0)), quoted(texts.get(1)), state == null ? "null" : quoted(state)));
    }

    private static String quoted(String text) {
        var quoted = new StringBuilder("\"");
        for (char character : text.toCharArray()) {
            if (character < ' ' || character > '~' || character == '"' || character == '\\') {
                quoted.append(String.format("\\u%04x", (int) character));
            } else {
                quoted.append(character);
            }
        }
        return quoted.append('"').toString();
    }
}
