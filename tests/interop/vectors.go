// What the W3C propagator of OpenTelemetry for Go reads: a traceparent a line on standard input, the
// flags that were read or - on standard output. The version is that of the go.mod beside it.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		carrier := propagation.MapCarrier{"traceparent": lines.Text()}
		ctx := propagation.TraceContext{}.Extract(context.Background(), carrier)
		read := trace.SpanContextFromContext(ctx)
		if read.IsValid() {
			fmt.Printf("%02x\n", byte(read.TraceFlags()))
		} else {
			fmt.Println("-")
		}
	}
}
