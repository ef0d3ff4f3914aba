package cloudwatchtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// The limits of a line, which CloudWatch does not extract metrics from beyond (Amazon CloudWatch
// User Guide, "Specification: Embedded metric format").
const (
	maxLine       = 256 << 10
	maxDimensions = 30
	maxMetrics    = 100
	maxValues     = 100
	maxText       = 1024
)

// document is the metadata of a line.
type document struct {
	Timestamp         *int64
	CloudWatchMetrics []directive
}

// directive says which members of a line are metrics, and which are their dimensions.
type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []definition
}

// definition names a metric.
type definition struct {
	Name              string
	Unit              string
	StorageResolution int
}

// units are the units of CloudWatch (Amazon CloudWatch API Reference, "MetricDatum").
func units() []string {
	list := []string{"Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "Count/Second", "None"}
	for _, size := range []string{"", "Kilo", "Mega", "Giga", "Tera"} {
		for _, unit := range []string{"Bytes", "Bits"} {
			name := size + unit
			if size != "" {
				name = size + strings.ToLower(unit)
			}
			list = append(list, name, name+"/Second")
		}
	}
	return list
}

// Add adds the metrics of one line. If the line is not in the embedded metric format it returns an
// error and adds nothing.
func (m *Metrics) Add(line []byte) error {
	if len(line) > maxLine {
		return fmt.Errorf("cloudwatchtest: a line of %d bytes; CloudWatch takes %d", len(line), maxLine)
	}
	root, err := members(line)
	if err != nil {
		return fmt.Errorf("cloudwatchtest: not a line of the embedded metric format: %w", err)
	}
	var doc document
	if root["_aws"] == nil {
		return errors.New(`cloudwatchtest: the line has no "_aws"`)
	}
	if _, err := members(root["_aws"]); err != nil {
		return fmt.Errorf(`cloudwatchtest: "_aws": %w`, err)
	}
	if err := strictly(root["_aws"], &doc); err != nil {
		return fmt.Errorf(`cloudwatchtest: "_aws": %w`, err)
	}
	if doc.Timestamp == nil || *doc.Timestamp <= 0 || doc.CloudWatchMetrics == nil {
		return errors.New(`cloudwatchtest: "_aws" needs a Timestamp and CloudWatchMetrics`)
	}
	var found []datum
	for i, d := range doc.CloudWatchMetrics {
		data, err := d.read(root, time.UnixMilli(*doc.Timestamp))
		if err != nil {
			return fmt.Errorf("cloudwatchtest: CloudWatchMetrics[%d]: %w", i, err)
		}
		found = append(found, data...)
	}
	return m.add(found)
}

// members returns the members of a JSON object. Unlike encoding/json it takes no member twice.
func members(object []byte) (map[string]json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	if t, err := decoder.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	found := map[string]json.RawMessage{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		key, _ := name.(string)
		if found[key] != nil {
			return nil, fmt.Errorf("the member %q is there twice", key)
		}
		found[key] = value
	}
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return found, nil
}

func strictly(data []byte, out any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(out)
}

// read returns the data of the metrics that a directive names.
func (d directive) read(root map[string]json.RawMessage, at time.Time) (found []datum, err error) {
	switch {
	case d.Namespace == "" || len(d.Namespace) > maxText:
		return nil, errors.New("the Namespace must have 1 to 1,024 characters")
	case d.Dimensions == nil:
		return nil, errors.New("there are no Dimensions")
	case len(d.Metrics) == 0 || len(d.Metrics) > maxMetrics:
		return nil, fmt.Errorf("there are %d Metrics; there must be 1 to %d", len(d.Metrics), maxMetrics)
	}
	names := map[string]bool{}
	for _, metric := range d.Metrics {
		if metric.Name == "" || len(metric.Name) > maxText || names[metric.Name] {
			return nil, fmt.Errorf("the metric %q has no name, a long one, or is there twice", metric.Name)
		}
		names[metric.Name] = true
		if metric.Unit != "" && !slices.Contains(units(), metric.Unit) {
			return nil, fmt.Errorf("the metric %s has the unit %q, which CloudWatch does not have", metric.Name, metric.Unit)
		}
		if r := metric.StorageResolution; r != 0 && r != 1 && r != 60 {
			return nil, fmt.Errorf("the metric %s has a StorageResolution of %d", metric.Name, r)
		}
		values, err := numbers(root[metric.Name])
		if err != nil {
			return nil, fmt.Errorf("the metric %s: %w", metric.Name, err)
		}
		for _, set := range d.Dimensions {
			dimensions, err := dimensionsOf(root, set)
			if err != nil {
				return nil, err
			}
			found = append(found, datum{
				Metric{d.Namespace, metric.Name, dimensions}, metric.Unit, at, values,
			})
		}
	}
	return found, nil
}

// numbers returns the values of a metric in one line.
func numbers(value json.RawMessage) (list []float64, err error) {
	if value == nil {
		return nil, errors.New("the line has no member of this name")
	}
	var one *float64
	if err := json.Unmarshal(value, &one); err == nil && one != nil {
		return []float64{*one}, nil
	}
	var several []*float64
	if err := json.Unmarshal(value, &several); err != nil || len(several) == 0 || len(several) > maxValues {
		return nil, fmt.Errorf("%.40s is not a number or a list of 1 to %d numbers", value, maxValues)
	}
	for _, n := range several {
		if n == nil {
			return nil, errors.New("a value is null")
		}
		list = append(list, *n)
	}
	return list, nil
}

// dimensionsOf returns the values of a set of dimensions.
func dimensionsOf(root map[string]json.RawMessage, set []string) (map[string]string, error) {
	if len(set) > maxDimensions {
		return nil, fmt.Errorf("a set of %d dimensions", len(set))
	}
	dimensions := map[string]string{}
	for _, name := range set {
		var value *string
		if err := json.Unmarshal(root[name], &value); err != nil || value == nil {
			return nil, fmt.Errorf("the dimension %q is not a text in the line", name)
		}
		if name == "" || strings.TrimSpace(*value) == "" || len(name) > 250 || len(*value) > maxText {
			return nil, fmt.Errorf("the dimension %q or its value is empty or too long", name)
		}
		if _, twice := dimensions[name]; twice {
			return nil, fmt.Errorf("the dimension %q is there twice", name)
		}
		dimensions[name] = *value
	}
	return dimensions, nil
}
