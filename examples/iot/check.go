package iot

import (
	"encoding/json"
	"fmt"
	"time"
)

// maxAhead is how far the clock of a device may be ahead.
const maxAhead = time.Minute

// refusal is why a reading is refused; nil if it is not.
type refusal struct {
	reason  Reason
	message string
}

func refuse(reason Reason, format string, args ...any) *refusal {
	return &refusal{reason, fmt.Sprintf(format, args...)}
}

// parseReading decodes a reading. If it is refused, the result has what could be read.
func parseReading(raw json.RawMessage) (Reading, *refusal) {
	if len(raw) > maxReadingBytes {
		return Reading{}, refuse(ReasonTooLarge, "a reading has at most %d bytes, this one has %d", maxReadingBytes, len(raw))
	}
	var in struct {
		Reading

		Values map[string]*float64 `json:"values"` // to find null, which would else count as 0
	}
	err := json.Unmarshal(raw, &in)
	r, named := in.Reading, in.Device == "" || validName(in.Device)
	if !named {
		r.Device = ""
	}
	r.Values = map[string]float64{}
	for name, v := range in.Values {
		if v == nil {
			return r, refuse(ReasonMalformed, "%.40q is null", name)
		}
		r.Values[name] = *v
	}
	switch {
	case err != nil:
		return r, refuse(ReasonMalformed, "not a reading: %.200s", err)
	case !named:
		return r, refuse(ReasonMalformed, `"device" is not the name of a device`)
	case r.Seq < 1 || r.Seq > maxSeq:
		return r, refuse(ReasonMalformed, `"seq" must be a whole number from 1`)
	case r.At.IsZero():
		return r, refuse(ReasonMalformed, `"at" is missing`)
	}
	r.At = r.At.UTC()
	return r, nil
}

// checkValues refuses what a device of the type does not measure.
func (t Type) checkValues(values map[string]float64) *refusal {
	if _, ok := values[t.Main]; !ok {
		return refuse(ReasonMalformed, "%q is missing", t.Main)
	}
	for name, v := range values {
		m, ok := t.Metrics[name]
		switch {
		case !ok:
			return refuse(ReasonMalformed, "this type of device has no %.40q", name)
		case v < m.Min || v > m.Max:
			return refuse(ReasonOutOfRange, "%q must be from %g to %g %s, it is %g", name, m.Min, m.Max, m.Unit, v)
		}
	}
	return nil
}

// checkTime refuses readings of the future, and those that nobody could read any more.
func checkTime(at, now time.Time, retention time.Duration) *refusal {
	switch ahead := at.Sub(now); {
	case ahead > maxAhead:
		return refuse(ReasonFuture, "the reading is %s ahead of %s", ahead.Round(time.Second), now.Format(time.RFC3339))
	case -ahead > retention:
		return refuse(ReasonTooOld, "the reading is %s old, readings are kept for %s", -ahead.Round(time.Second), retention)
	}
	return nil
}
