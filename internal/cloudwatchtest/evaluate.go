package cloudwatchtest

import (
	"fmt"
	"time"
)

// State is the state of an alarm.
type State string

// The states of an alarm.
const (
	OK               State = "OK"
	InAlarm          State = "ALARM"
	InsufficientData State = "INSUFFICIENT_DATA"
)

// Evaluate returns the state of an alarm at a time, when its state was another one before. It
// counts the periods that have ended by then. CloudWatch looks for data in some earlier periods too
// if periods are missing; that is not done here.
func (m *Metrics) Evaluate(a Alarm, now time.Time, before State) (State, error) {
	end := now.Truncate(a.Period)
	var breaching, missing int
	for i := range a.EvaluationPeriods {
		v, err := m.value(a, end.Add(-time.Duration(i+1)*a.Period))
		if err != nil {
			return "", fmt.Errorf("cloudwatchtest: %s: %w", a.ID, err)
		}
		if v == nil {
			missing++
			continue
		}
		over, err := breaches(a.Comparison, *v, a.Threshold)
		if err != nil {
			return "", fmt.Errorf("cloudwatchtest: %s: %w", a.ID, err)
		}
		if over {
			breaching++
		}
	}
	switch {
	case breaching >= a.DatapointsToAlarm, a.Missing == "breaching" && breaching+missing >= a.DatapointsToAlarm:
		return InAlarm, nil
	case a.Missing == "missing" && missing == a.EvaluationPeriods:
		return InsufficientData, nil
	case a.Missing == "ignore" && breaching+missing >= a.DatapointsToAlarm:
		return before, nil
	}
	return OK, nil
}

// breaches reports whether a value breaches a threshold.
func breaches(comparison string, value, threshold float64) (bool, error) {
	switch comparison {
	case "GreaterThanThreshold":
		return value > threshold, nil
	case "GreaterThanOrEqualToThreshold":
		return value >= threshold, nil
	case "LessThanThreshold":
		return value < threshold, nil
	case "LessThanOrEqualToThreshold":
		return value <= threshold, nil
	}
	return false, fmt.Errorf("the ComparisonOperator %q", comparison)
}

// value returns the value of an alarm's output in the period that begins at a time, or nil.
func (m *Metrics) value(a Alarm, from time.Time) (*float64, error) {
	env := &evaluation{metrics: m, alarm: a, from: from, left: 1000}
	return env.input(a.Output)
}

// Value returns what an alarm compares with its threshold in the period in which a time is, and
// whether there is a value.
func (m *Metrics) Value(a Alarm, at time.Time) (float64, bool, error) {
	v, err := m.value(a, at.Truncate(a.Period))
	if v == nil || err != nil {
		return 0, false, err
	}
	return *v, true, nil
}
