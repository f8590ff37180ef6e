// As vectors.go, of OpenTelemetry for JavaScript.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
const require = createRequire(process.argv[2] + "/");
const { ROOT_CONTEXT, defaultTextMapGetter, trace } = require("@opentelemetry/api");
const { W3CTraceContextPropagator } = require("@opentelemetry/core");
const propagator = new W3CTraceContextPropagator();
for (const traceparent of readFileSync(0, "utf8").split("\n").slice(0, -1)) {
  const read = trace.getSpanContext(propagator.extract(ROOT_CONTEXT, { traceparent }, defaultTextMapGetter));
  console.log(read ? read.traceFlags.toString(16).padStart(2, "0") : "-");
}
