package cloudwatchtest

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Metrics has the values of metrics. The zero value is empty. It is not safe for concurrent use.
type Metrics struct {
	points map[string][]Point
	units  map[string]string
	names  map[string]Metric
}

// Metric identifies a metric: CloudWatch takes each set of dimensions for a metric of its own.
type Metric struct {
	Namespace  string
	Name       string
	Dimensions map[string]string
}

// Point is a value of a metric.
type Point struct {
	Time  time.Time
	Value float64
}

// datum is what one line says about one metric.
type datum struct {
	metric Metric
	unit   string
	at     time.Time
	values []float64
}

// String returns the metric as one line.
func (m Metric) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", m.Namespace, m.Name)
	for _, name := range slices.Sorted(maps.Keys(m.Dimensions)) {
		fmt.Fprintf(&b, " %s=%q", name, m.Dimensions[name])
	}
	return b.String()
}

func (m *Metrics) add(data []datum) error {
	if m.points == nil {
		m.points, m.units, m.names = map[string][]Point{}, map[string]string{}, map[string]Metric{}
	}
	seen := map[string]bool{}
	for _, d := range data {
		key := d.metric.String()
		if seen[key] {
			return fmt.Errorf("cloudwatchtest: the line has the metric %s twice", key)
		}
		seen[key] = true
		if unit, ok := m.units[key]; ok && unit != d.unit {
			return fmt.Errorf("cloudwatchtest: the metric %s has the units %q and %q", key, unit, d.unit)
		}
	}
	for _, d := range data {
		key := d.metric.String()
		m.units[key], m.names[key] = d.unit, d.metric
		for _, v := range d.values {
			m.points[key] = append(m.points[key], Point{d.at, v})
		}
	}
	return nil
}

// Put adds a value of a metric that is in no log, such as those that AWS's services write.
func (m *Metrics) Put(to Metric, unit string, at time.Time, value float64) error {
	return m.add([]datum{{to, unit, at, []float64{value}}})
}

// All returns the metrics that have values, in order of their texts.
func (m *Metrics) All() []Metric {
	var list []Metric
	for _, key := range slices.Sorted(maps.Keys(m.names)) {
		list = append(list, m.names[key])
	}
	return list
}

// Unit returns the unit of a metric, or "" if it has no values.
func (m *Metrics) Unit(of Metric) string { return m.units[of.String()] }

// Points returns the values of a metric, in the order in which they were added.
func (m *Metrics) Points(of Metric) []Point { return m.points[of.String()] }

// Statistic returns a statistic of the values from a time until a period later, and whether there
// are values: Sum, Average, Minimum, Maximum, SampleCount, or a percentile from p0 to p100, such as
// p99, which is here the least value that as many percent of the values do not exceed.
func (m *Metrics) Statistic(of Metric, statistic string, from time.Time, period time.Duration) (float64, bool, error) {
	compute, err := statisticOf(statistic)
	if err != nil {
		return 0, false, err
	}
	var values []float64
	for _, p := range m.Points(of) {
		if !p.Time.Before(from) && p.Time.Before(from.Add(period)) {
			values = append(values, p.Value)
		}
	}
	if len(values) == 0 {
		return 0, false, nil
	}
	return compute(values), true, nil
}

// statisticOf returns the function of a statistic, for values of which there is at least one.
func statisticOf(name string) (func([]float64) float64, error) {
	switch name {
	case "Sum":
		return sum, nil
	case "Average":
		return average, nil
	case "Minimum":
		return slices.Min[[]float64], nil
	case "Maximum":
		return slices.Max[[]float64], nil
	case "SampleCount":
		return func(values []float64) float64 { return float64(len(values)) }, nil
	}
	rank, ok := strings.CutPrefix(name, "p")
	p, err := strconv.ParseFloat(rank, 64)
	if !ok || err != nil || !(p >= 0 && p <= 100) {
		return nil, fmt.Errorf("cloudwatchtest: there is no statistic %q", name)
	}
	return func(values []float64) float64 { return percentile(values, p) }, nil
}

func sum(values []float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}

func average(values []float64) float64 { return sum(values) / float64(len(values)) }

// percentile returns the least value that p percent of the values do not exceed.
func percentile(values []float64, p float64) float64 {
	sorted := slices.SortedFunc(slices.Values(values), cmp.Compare[float64])
	at := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[max(at, 1)-1]
}
