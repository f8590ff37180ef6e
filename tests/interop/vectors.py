"""As vectors.go, of OpenTelemetry for Python."""

import logging
import sys

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

# What is malformed is told by the propagator; here that is no news.
logging.disable(logging.WARNING)
PROPAGATOR = TraceContextTextMapPropagator()

for line in sys.stdin.read().split("\n")[:-1]:
    read = trace.get_current_span(PROPAGATOR.extract({"traceparent": line}, Context())).get_span_context()
    print(f"{read.trace_flags:02x}" if read.is_valid else "-")
