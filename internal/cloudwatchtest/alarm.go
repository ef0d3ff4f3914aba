package cloudwatchtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatesock/gatesock/internal/template"
)

// Alarm is an AWS::CloudWatch::Alarm.
type Alarm struct {
	// ID is the logical id, and Description the alarm's text for people.
	ID, Description string
	// EvaluationPeriods is how many periods count, and DatapointsToAlarm how many of them must
	// breach the threshold.
	EvaluationPeriods, DatapointsToAlarm int
	// Comparison is the operator between a value and the threshold, such as "GreaterThanThreshold".
	Comparison string
	Threshold  float64
	// Missing is how a period without data is treated, such as "notBreaching".
	Missing string
	// Inputs are the metrics and expressions by their ids. The alarm is about the one named Output.
	Inputs map[string]Input
	Output string
	// Period is the length of a period.
	Period time.Duration
}

// Input is a metric or an expression of an alarm.
type Input struct {
	// Expression is metric math. With it the other fields are zero.
	Expression string
	Metric     Metric
	Statistic  string
	// Unit is the only unit of which values count, or "" for every unit.
	Unit string
}

// Metrics returns the metrics that an alarm is about, in order of their texts.
func (a Alarm) Metrics() []Metric {
	var list []Metric
	for _, in := range a.Inputs {
		if in.Expression == "" {
			list = append(list, in.Metric)
		}
	}
	slices.SortFunc(list, func(x, y Metric) int { return strings.Compare(x.String(), y.String()) })
	return list
}

// ReadAlarms returns the alarms of a CloudFormation template, by logical id. Parameters of the
// template have the given values, or their defaults. A dimension whose value is the logical id of a
// resource has the value that names has for it instead.
func ReadAlarms(text []byte, parameters, names map[string]string) (map[string]Alarm, error) {
	t, err := template.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("cloudwatchtest: %w", err)
	}
	e, err := template.NewEvaluator(t, parameters)
	if err != nil {
		return nil, fmt.Errorf("cloudwatchtest: %w", err)
	}
	resources, err := e.Resources("AWS::CloudWatch::Alarm")
	if err != nil {
		return nil, fmt.Errorf("cloudwatchtest: %w", err)
	}
	alarms := map[string]Alarm{}
	for _, r := range resources {
		properties, err := e.Properties(r)
		if err != nil {
			return nil, fmt.Errorf("cloudwatchtest: %w", err)
		}
		if alarms[r.ID], err = readAlarm(r.ID, properties, names); err != nil {
			return nil, fmt.Errorf("cloudwatchtest: %s: %w", r, err)
		}
	}
	return alarms, nil
}

// alarmProperties are the properties of an alarm; all scalars of a template are texts. Those that
// have no name here make an alarm that this package cannot evaluate.
type alarmProperties struct {
	AlarmName, AlarmDescription                      string
	AlarmActions, OKActions, InsufficientDataActions []string
	ActionsEnabled                                   string
	Tags                                             []map[string]string

	metricProperties
	Metrics []struct {
		ID         string `json:"Id"`
		Expression string
		Label      string
		ReturnData *bool `json:",string"`
		Period     int   `json:",string"`
		MetricStat *struct {
			Metric struct {
				Namespace, MetricName string
				Dimensions            []dimension
			}
			Period int `json:",string"`
			Stat   string
			Unit   string
		}
	}
	EvaluationPeriods  int      `json:",string"`
	DatapointsToAlarm  int      `json:",string"`
	Threshold          *float64 `json:",string"`
	ComparisonOperator string
	TreatMissingData   string

	EvaluateLowSampleCountPercentile string
}

// metricProperties are the properties of an alarm on one metric.
type metricProperties struct {
	Namespace, MetricName        string
	Dimensions                   []dimension
	Statistic, ExtendedStatistic string
	Unit                         string
	Period                       int `json:",string"`
}

type dimension struct{ Name, Value string }

func readAlarm(id string, properties map[string]any, names map[string]string) (Alarm, error) {
	data, err := json.Marshal(properties)
	if err != nil {
		return Alarm{}, err
	}
	var p alarmProperties
	if err := strictly(data, &p); err != nil {
		return Alarm{}, err
	}
	a := Alarm{
		ID: id, Description: p.AlarmDescription, Comparison: p.ComparisonOperator, Missing: p.TreatMissingData,
		EvaluationPeriods: p.EvaluationPeriods, DatapointsToAlarm: p.DatapointsToAlarm, Inputs: map[string]Input{},
	}
	if a.Missing == "" {
		a.Missing = "missing"
	}
	if a.DatapointsToAlarm == 0 {
		a.DatapointsToAlarm = a.EvaluationPeriods
	}
	if low := p.EvaluateLowSampleCountPercentile; low != "" && low != "evaluate" {
		return a, fmt.Errorf("EvaluateLowSampleCountPercentile is %q, and only evaluate is known here", low)
	}
	if p.Threshold == nil {
		return a, errors.New("there is no Threshold")
	}
	a.Threshold = *p.Threshold
	if err := a.readInputs(p, names); err != nil {
		return a, err
	}
	return a, a.validate()
}

// readInputs reads what an alarm is about: one metric, or the list Metrics.
func (a *Alarm) readInputs(p alarmProperties, names map[string]string) error {
	if (p.MetricName != "") == (len(p.Metrics) > 0) {
		return errors.New("an alarm has either a MetricName or Metrics")
	}
	if p.MetricName != "" {
		if (p.Statistic != "") == (p.ExtendedStatistic != "") {
			return errors.New("an alarm has either a Statistic or an ExtendedStatistic")
		}
		a.Output = "m"
		return a.addMetric("m", p.Namespace, p.MetricName, p.Dimensions, names,
			p.Statistic+p.ExtendedStatistic, p.Unit, p.Period)
	}
	if p.Namespace != "" || p.Statistic+p.ExtendedStatistic+p.Unit != "" || p.Period != 0 ||
		p.Dimensions != nil {
		return errors.New("an alarm with Metrics has properties of an alarm on one metric")
	}
	for _, q := range p.Metrics {
		if _, twice := a.Inputs[q.ID]; twice || q.ID == "" {
			return fmt.Errorf("the id %q is empty or there twice", q.ID)
		}
		if q.ReturnData == nil || *q.ReturnData { // the default is true
			if a.Output != "" {
				return errors.New("more than one of the Metrics has ReturnData")
			}
			a.Output = q.ID
		}
		if (q.Expression != "") == (q.MetricStat != nil) {
			return fmt.Errorf("%s has either an Expression or a MetricStat", q.ID)
		}
		if q.Expression != "" {
			a.Inputs[q.ID] = Input{Expression: q.Expression}
			if err := a.setPeriod(q.Period); q.Period != 0 && err != nil {
				return err
			}
			continue
		}
		s := q.MetricStat
		if err := a.addMetric(q.ID, s.Metric.Namespace, s.Metric.MetricName, s.Metric.Dimensions, names,
			s.Stat, s.Unit, s.Period); err != nil {
			return err
		}
	}
	return nil
}

func (a *Alarm) addMetric(
	id, namespace, name string, dimensions []dimension, names map[string]string, statistic, unit string, period int,
) error {
	if _, err := statisticOf(statistic); err != nil {
		return err
	}
	if namespace == "" || name == "" {
		return errors.New("a metric needs a Namespace and a MetricName")
	}
	in := Input{Metric: Metric{namespace, name, map[string]string{}}, Statistic: statistic, Unit: unit}
	for _, d := range dimensions {
		if value, ok := names[d.Value]; ok {
			d.Value = value
		}
		if _, twice := in.Metric.Dimensions[d.Name]; twice || d.Name == "" || d.Value == "" {
			return fmt.Errorf("the dimension %q is empty or there twice", d.Name)
		}
		in.Metric.Dimensions[d.Name] = d.Value
	}
	a.Inputs[id] = in
	return a.setPeriod(period)
}

// setPeriod sets the period of the alarm, which all of its metrics must have here.
func (a *Alarm) setPeriod(seconds int) error {
	period := time.Duration(seconds) * time.Second
	if seconds != 10 && seconds != 30 && (seconds < 60 || seconds%60 != 0) || a.Period != 0 && a.Period != period {
		return fmt.Errorf("a Period of %d seconds, which CloudWatch does not have or differs from others", seconds)
	}
	a.Period = period
	return nil
}

func (a *Alarm) validate() error {
	if a.EvaluationPeriods < 1 || a.DatapointsToAlarm < 1 || a.DatapointsToAlarm > a.EvaluationPeriods {
		return fmt.Errorf("%d of %d periods", a.DatapointsToAlarm, a.EvaluationPeriods)
	}
	if a.Output == "" || a.Period == 0 {
		return errors.New("the alarm has no metric with ReturnData, or no Period")
	}
	if _, err := breaches(a.Comparison, 0, 0); err != nil {
		return err
	}
	if !slices.Contains([]string{"missing", "ignore", "breaching", "notBreaching"}, a.Missing) {
		return fmt.Errorf("TreatMissingData is %q", a.Missing)
	}
	_, err := new(Metrics).value(*a, time.Time{})
	return err
}
