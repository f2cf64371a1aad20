// Prints what Prometheus calls an OTLP metric: lines "name unit kind" in, names out.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/prometheus/otlptranslator"
)

func main() {
	namer := otlptranslator.MetricNamer{WithMetricSuffixes: true}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Split(lines.Text(), "\t")
		kind := otlptranslator.MetricType(otlptranslator.MetricTypeGauge)
		if words[2] == "sum" {
			kind = otlptranslator.MetricTypeMonotonicCounter
		}
		name, err := namer.Build(otlptranslator.Metric{Name: words[0], Unit: words[1], Type: kind})
		if err != nil {
			panic(err)
		}
		fmt.Println(name)
	}
}
