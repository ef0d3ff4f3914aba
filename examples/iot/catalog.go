package iot

import (
	"encoding/json"
	"time"
)

// Type is a kind of device: what it measures, and when that is worth an alert.
type Type struct {
	Metrics map[string]Metric `json:"metrics"`
	// Main is the metric of Device.Value, which filters and the page's grid use.
	Main  string `json:"main"`
	Rules []Rule `json:"rules"`
	// Missing is after how long without a reading a device is silent.
	Missing time.Duration `json:"-"`
	// Commands are the names of the orders that the devices know.
	Commands []string `json:"commands"`
}

// Metric is what a value must be. A reading has at least the main metric, and no other than those
// of its type.
type Metric struct {
	Unit string  `json:"unit"`
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
}

// Rule raises an alert if a metric is above or below a limit for some time.
type Rule struct {
	ID       string        `json:"id"`
	Metric   string        `json:"metric"`
	Above    *float64      `json:"above,omitempty"`
	Below    *float64      `json:"below,omitempty"`
	For      time.Duration `json:"-"`
	Severity Status        `json:"severity"`
}

// RuleMissing is the id of the rule that a silent device breaks. Every type has it.
const RuleMissing = "missing"

func limit(v float64) *float64 { return &v }

// Types returns what devices there are. Change it to what yours measure.
func Types() map[string]Type {
	return map[string]Type{
		"thermometer": {
			Metrics: map[string]Metric{"temperature": {"°C", -60, 120}, "humidity": {"%", 0, 100}},
			Main:    "temperature",
			Rules: []Rule{
				{ID: "hot", Metric: "temperature", Above: limit(35), For: 5 * time.Second, Severity: StatusWarning},
				{ID: "very-hot", Metric: "temperature", Above: limit(60), Severity: StatusAlarm},
				{ID: "frost", Metric: "temperature", Below: limit(-20), For: 5 * time.Second, Severity: StatusWarning},
			},
			Missing:  30 * time.Second,
			Commands: []string{"blink", "interval"},
		},
		"pump": {
			Metrics: map[string]Metric{"pressure": {"bar", 0, 16}, "flow": {"l/min", 0, 400}, "speed": {"rpm", 0, 3600}},
			Main:    "pressure",
			Rules: []Rule{
				{ID: "pressure-high", Metric: "pressure", Above: limit(10), For: 3 * time.Second, Severity: StatusAlarm},
				{ID: "dry", Metric: "flow", Below: limit(5), For: 10 * time.Second, Severity: StatusWarning},
			},
			Missing:  30 * time.Second,
			Commands: []string{"start", "stop", "speed"},
		},
		"meter": {
			Metrics: map[string]Metric{"power": {"kW", 0, 500}, "voltage": {"V", 0, 500}},
			Main:    "power",
			Rules: []Rule{
				{ID: "overload", Metric: "power", Above: limit(400), For: 5 * time.Second, Severity: StatusAlarm},
				{ID: "undervoltage", Metric: "voltage", Below: limit(207), For: 5 * time.Second, Severity: StatusWarning},
			},
			Missing:  time.Minute,
			Commands: []string{"restart"},
		},
		"vehicle": {
			Metrics:  map[string]Metric{"battery": {"%", 0, 100}, "speed": {"km/h", 0, 250}},
			Main:     "battery",
			Rules:    []Rule{{ID: "battery-low", Metric: "battery", Below: limit(15), Severity: StatusWarning}},
			Missing:  2 * time.Minute,
			Commands: []string{"locate", "lock"},
		},
	}
}

// MarshalJSON adds "missingMs".
func (t Type) MarshalJSON() ([]byte, error) {
	type plain Type
	return json.Marshal(struct {
		plain
		MissingMs int64 `json:"missingMs"`
	}{plain(t), t.Missing.Milliseconds()})
}

// MarshalJSON adds "forMs".
func (r Rule) MarshalJSON() ([]byte, error) {
	type plain Rule
	return json.Marshal(struct {
		plain
		ForMs int64 `json:"forMs"`
	}{plain(r), r.For.Milliseconds()})
}
