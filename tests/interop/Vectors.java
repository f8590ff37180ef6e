// As vectors.go, of OpenTelemetry for Java.
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapGetter;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Map;

public class Vectors {
  public static void main(String[] arguments) throws Exception {
    TextMapGetter<Map<String, String>> getter =
        new TextMapGetter<>() {
          public Iterable<String> keys(Map<String, String> carrier) {
            return carrier.keySet();
          }

          public String get(Map<String, String> carrier, String key) {
            return carrier.get(key);
          }
        };
    var lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      Context context =
          W3CTraceContextPropagator.getInstance()
              .extract(Context.root(), Map.of("traceparent", line), getter);
      SpanContext read = Span.fromContext(context).getSpanContext();
      System.out.println(read.isValid() ? read.getTraceFlags().asHex() : "-");
    }
  }
}
