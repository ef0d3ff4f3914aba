package iot

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/topic"
)

// An alert is raised and cleared in two steps. The device gets the change as pending, together with
// the reading that is its cause. Then the alert is written (settle). If the second step does not
// happen, it is done with the next reading or by the next watch; doing it twice does no harm.

// judge raises and clears the alerts of a device for its latest reading.
func (d *Device) judge(t Type, r Reading) {
	d.clear(RuleMissing, r.At)
	for _, rule := range t.Rules {
		v, ok := r.Values[rule.Metric]
		if !ok {
			continue
		}
		if !rule.broken(v) {
			d.clear(rule.ID, r.At)
			continue
		}
		since, ok := d.Breaches[rule.ID]
		if !ok {
			since = r.At
			d.Breaches = with(d.Breaches, rule.ID, since)
		}
		if r.At.Sub(since) >= rule.For {
			d.raise(rule.ID, since, r.At, &v)
		}
	}
	d.Status = d.status(t)
}

// broken reports whether a value breaks the rule.
func (r Rule) broken(v float64) bool {
	return r.Above != nil && v > *r.Above || r.Below != nil && v < *r.Below
}

func (d *Device) raise(rule string, since, at time.Time, value *float64) {
	if _, ok := d.Raised[rule]; ok {
		return
	}
	d.Occurrences++
	o := Occurrence{Rule: rule, Number: d.Occurrences, Since: since, RaisedAt: at, Value: value}
	d.Raised = with(d.Raised, rule, o)
	d.pend(o)
}

func (d *Device) clear(rule string, at time.Time) {
	delete(d.Breaches, rule)
	if o, ok := d.Raised[rule]; ok {
		delete(d.Raised, rule)
		o.ClearedAt = at
		d.pend(o)
	}
}

// maxChanges is how many changes of a device can wait to be written.
const maxChanges = 16

// pend adds a change to those that wait, or replaces that of the same occurrence.
func (d *Device) pend(o Occurrence) {
	d.Pending = append(slices.DeleteFunc(d.Pending, func(p Occurrence) bool { return p.Number == o.Number }), o)
	d.Pending = d.Pending[max(0, len(d.Pending)-maxChanges):]
}

// forget removes changes that are settled.
func (d *Device) forget(settled []Occurrence) {
	d.Pending = slices.DeleteFunc(d.Pending, func(p Occurrence) bool {
		return slices.ContainsFunc(settled, func(o Occurrence) bool {
			return p.Number == o.Number && p.ClearedAt.Equal(o.ClearedAt)
		})
	})
}

func with[V any](m map[string]V, key string, v V) map[string]V {
	if m == nil {
		m = map[string]V{}
	}
	m[key] = v
	return m
}

// settle writes the pending changes of a device to the alerts of its tenant, and returns those that
// were written.
func (a *App) settle(ctx context.Context, tenant string, d Device) (settled []Occurrence) {
	for _, o := range d.Pending {
		if err := a.writeAlert(ctx, tenant, a.alert(d, o)); err != nil {
			slog.ErrorContext(ctx, "iot: an alert", "device", d.ID, "rule", o.Rule, "error", err)
			break // to keep them in order
		}
		settled = append(settled, o)
	}
	return settled
}

// alert returns the alert that an occurrence makes.
func (a *App) alert(d Device, o Occurrence) Alert {
	alert := Alert{
		ID: d.ID + "/" + o.Rule, Device: d.ID, Region: d.Region, Rule: o.Rule, State: AlertRaised,
		Severity: StatusSilent, Text: "no reading for " + a.types[d.Type].Missing.String(),
		Occurrence: o.Number, Value: o.Value, Since: o.Since, RaisedAt: o.RaisedAt,
	}
	for _, rule := range a.types[d.Type].Rules {
		if rule.ID == o.Rule {
			alert.Severity, alert.Text = rule.Severity, rule.text()
		}
	}
	if !o.ClearedAt.IsZero() {
		alert.State, alert.ClearedAt = AlertCleared, o.ClearedAt
	}
	return alert
}

// text says what is wrong.
func (r Rule) text() string {
	what := ""
	if r.Above != nil {
		what = fmt.Sprintf("%s above %g", r.Metric, *r.Above)
	}
	if r.Below != nil {
		what = fmt.Sprintf("%s below %g", r.Metric, *r.Below)
	}
	if r.For > 0 {
		what += " for " + r.For.String()
	}
	return what
}

// writeAlert stores an alert unless a later one is there already, and adds it to the log.
func (a *App) writeAlert(ctx context.Context, tenant string, alert Alert) error {
	now, err := topic.UpdateAs(ctx, a.topics, AlertsTopic(tenant), alert.ID, func(last Alert, exists bool) (Alert, error) {
		switch {
		case !exists || last.Occurrence < alert.Occurrence:
			return alert, nil
		case last.Occurrence == alert.Occurrence && alert.State == AlertCleared && last.State != AlertCleared:
			last.State, last.ClearedAt = AlertCleared, alert.ClearedAt
			return last, nil
		}
		return last, topic.ErrKeep
	})
	if err != nil {
		return err
	}
	if alert.State == AlertCleared { // it may have been raised by the same report
		raised := alert
		raised.State, raised.ClearedAt = AlertRaised, time.Time{}
		if err := a.logAlert(ctx, tenant, raised); err != nil {
			return err
		}
	}
	if now.Occurrence == alert.Occurrence && now.State == alert.State {
		alert = now // with who has acknowledged it
	}
	return a.logAlert(ctx, tenant, alert)
}

// logAlert adds the state of an alert to the log, once.
func (a *App) logAlert(ctx context.Context, tenant string, alert Alert) error {
	key := fmt.Sprintf("%s/%d/%s", alert.ID, alert.Occurrence, alert.State)
	_, _, err := a.topics.Publish(ctx, AlertLogTopic(tenant), "alert", alert, topic.WithKey(key))
	return err
}

// acknowledge says that somebody looks after an alert. Of several people the first one counts.
func (a *App) acknowledge(ctx context.Context, who caller, in Acknowledgement) (Alert, error) {
	alert, err := topic.UpdateAs(ctx, a.topics, AlertsTopic(who.tenant), in.Alert, func(last Alert, exists bool) (Alert, error) {
		switch {
		case !exists:
			return last, gatesock.Errorf(gatesock.CodeNotFound, "there is no alert %q", in.Alert)
		case last.State == AlertCleared:
			return last, gatesock.Errorf(gatesock.CodeFailedPrecondition, "the alert was cleared")
		case last.State == AlertAcknowledged:
			return last, topic.ErrKeep
		}
		last.State, last.AcknowledgedAt, last.AcknowledgedBy = AlertAcknowledged, a.now(), who.ID
		return last, nil
	})
	if err != nil {
		return Alert{}, err
	}
	return alert, a.logAlert(ctx, who.tenant, alert)
}
