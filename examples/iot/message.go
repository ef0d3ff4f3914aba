package iot

import (
	"encoding/json"
	"time"
)

// Limits of what clients send.
const (
	maxReadings     = 100
	maxReadingBytes = 4 << 10
	maxArgsBytes    = 4 << 10
	maxKeyBytes     = 64
	maxMessageBytes = 400
	minTimeout      = time.Second
	maxTimeout      = 10 * time.Minute
	defaultTimeout  = 30 * time.Second
)

// Reading is what a device has measured at one moment.
type Reading struct {
	// Device is needed from those that speak for several devices.
	Device string `json:"device,omitempty" jsonschema:"maxLength=40,pattern=^[a-z0-9-]*$"`
	// Seq counts the readings of a device, from 1. A device that begins to count again has forgotten
	// its readings: register it anew.
	Seq    int64              `json:"seq" jsonschema:"minimum=1"`
	At     time.Time          `json:"at"`
	Values map[string]float64 `json:"values"`
}

// Report is what devices send as "report", and as the body of POST /readings.
type Report struct {
	Readings []Reading `json:"readings" jsonschema:"minItems=1,maxItems=100"`
}

// Outcome is the answer to a [Report]. A reading that is refused does not disturb the others.
type Outcome struct {
	Accepted int       `json:"accepted"`
	Refused  []Refused `json:"refused,omitempty"`
	// Commands are those that wait for the device, in answers to HTTP requests only: other devices
	// are told without asking.
	Commands []Order `json:"commands,omitempty"`
}

// Refused is a reading that was not taken, and why.
type Refused struct {
	Device  string `json:"device"`
	Seq     int64  `json:"seq"`
	Reason  Reason `json:"reason"`
	Message string `json:"message"`
}

// Reason is why a reading is refused.
type Reason string

// The reasons.
const (
	ReasonMalformed     Reason = "malformed"
	ReasonTooLarge      Reason = "too_large"
	ReasonForbidden     Reason = "forbidden"
	ReasonUnknownDevice Reason = "unknown_device"
	ReasonOutOfRange    Reason = "out_of_range"
	ReasonFuture        Reason = "future"
	ReasonTooOld        Reason = "too_old"
	ReasonRateLimited   Reason = "rate_limited"
	ReasonReplayed      Reason = "replayed"
	ReasonOutOfOrder    Reason = "out_of_order"
	ReasonUnavailable   Reason = "unavailable"
)

// Status is how a device is.
type Status string

// The statuses: an alert of this severity is raised, or nothing was heard of the device.
const (
	StatusOK      Status = "ok"
	StatusWarning Status = "warning"
	StatusAlarm   Status = "alarm"
	StatusSilent  Status = "silent"
	StatusNew     Status = "new" // nothing was ever heard
)

// Device is the last state of a device, a value of the topic of its tenant's devices.
type Device struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Type   string `json:"type"`
	Region string `json:"region"`
	Status Status `json:"status"`

	// Via is how the device has spoken last: "ws", "http" or "mqtt". Online is whether it has a
	// connection; a device that speaks HTTP never has one. Since is when that began or ended.
	Via      string    `json:"via,omitempty"`
	Online   bool      `json:"online"`
	Since    time.Time `json:"since,omitzero"`
	LastSeen time.Time `json:"lastSeen,omitzero"`

	// Seq, At and Values are those of the last reading. Value is the value of the type's main metric.
	Seq    int64              `json:"seq,omitempty"`
	At     time.Time          `json:"at,omitzero"`
	Values map[string]float64 `json:"values,omitempty"`
	Value  *float64           `json:"value,omitempty"`

	// Session is the connection of a device that is online.
	Session string `json:"session,omitempty"`
	// Generation counts how often the device was registered: each time its sequence begins anew.
	Generation int64 `json:"generation"`
	// Window has a bit for each of the 64 readings up to Seq that were accepted, in hexadecimal.
	Window string `json:"window,omitempty"`
	// Breaches has since when each rule is broken, and Raised the rules whose alert is raised.
	// Occurrences counts the alerts of the device.
	Breaches    map[string]time.Time  `json:"breaches,omitempty"`
	Raised      map[string]Occurrence `json:"raised,omitempty"`
	Occurrences int64                 `json:"occurrences,omitempty"`
	// Pending are the last changes of alerts, which are written after the device; see alert.go.
	Pending []Occurrence `json:"pending,omitempty"`
}

// Occurrence is one time that a rule is broken for long enough.
type Occurrence struct {
	Rule      string    `json:"rule"`
	Number    int64     `json:"number"`
	Since     time.Time `json:"since"`
	RaisedAt  time.Time `json:"raisedAt"`
	ClearedAt time.Time `json:"clearedAt,omitzero"`
	Value     *float64  `json:"value,omitempty"`
}

// Registration is what "register" sends: devices to add, or to change. It needs the scope manage.
type Registration struct {
	Devices []NewDevice `json:"devices" jsonschema:"minItems=1,maxItems=100"`
}

// NewDevice is a device to register.
type NewDevice struct {
	ID     string `json:"id" jsonschema:"minLength=1,maxLength=40,pattern=^[a-z0-9-]+$"`
	Name   string `json:"name,omitempty" jsonschema:"maxLength=80"`
	Type   string `json:"type" jsonschema:"minLength=1"`
	Region string `json:"region" jsonschema:"minLength=1,maxLength=40,pattern=^[a-z0-9-]+$"`
}

// Registered is the answer to a [Registration].
type Registered struct {
	Devices int `json:"devices"`
}

// Alert is a rule that a device breaks, a value of the topic of alerts.
type Alert struct {
	ID       string     `json:"id"` // the device and the rule
	Device   string     `json:"device"`
	Region   string     `json:"region"`
	Rule     string     `json:"rule"`
	Severity Status     `json:"severity"`
	Text     string     `json:"text"`
	State    AlertState `json:"state"`
	Value    *float64   `json:"value,omitempty"` // when it was raised
	// Occurrence counts the alerts of the device: one that is raised again has a higher number.
	Occurrence int64 `json:"occurrence"`

	Since          time.Time `json:"since"` // when the device began to break the rule
	RaisedAt       time.Time `json:"raisedAt"`
	AcknowledgedAt time.Time `json:"acknowledgedAt,omitzero"`
	AcknowledgedBy string    `json:"acknowledgedBy,omitempty"`
	ClearedAt      time.Time `json:"clearedAt,omitzero"`
}

// AlertState is the state of an [Alert].
type AlertState string

// The states of an alert.
const (
	AlertRaised       AlertState = "raised"
	AlertAcknowledged AlertState = "acknowledged"
	AlertCleared      AlertState = "cleared"
)

// Acknowledgement is what "acknowledge" sends. The answer is the [Alert]. It needs the scope operate.
type Acknowledgement struct {
	Alert string `json:"alert" jsonschema:"minLength=1,maxLength=100"`
}

// Instruction is what dashboards send as "command". The answer is the [Command]. It needs the scope
// operate.
type Instruction struct {
	Device    string          `json:"device" jsonschema:"minLength=1,maxLength=40,pattern=^[a-z0-9-]+$"`
	Name      string          `json:"name" jsonschema:"minLength=1,maxLength=40"`
	Args      json.RawMessage `json:"args,omitempty"`
	TimeoutMs int64           `json:"timeoutMs,omitempty" jsonschema:"minimum=1000,maximum=600000"`
	// Key makes the instruction repeatable: a second one of the same person with the same key is the
	// same command.
	Key string `json:"key,omitempty" jsonschema:"maxLength=64"`
}

// Order is what a device is told to do.
type Order struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Args      json.RawMessage `json:"args,omitempty"`
	ExpiresAt time.Time       `json:"expiresAt"`
}

// Command is an order, and what has become of it: a value of the topic of commands.
type Command struct {
	Order
	Device         string          `json:"device"`
	By             string          `json:"by"`
	State          CommandState    `json:"state"`
	SentAt         time.Time       `json:"sentAt"`
	AcknowledgedAt time.Time       `json:"acknowledgedAt,omitzero"`
	EndedAt        time.Time       `json:"endedAt,omitzero"`
	Result         json.RawMessage `json:"result,omitempty"`
	Message        string          `json:"message,omitempty"`
}

// CommandState is the state of a [Command].
type CommandState string

// The states of a command.
const (
	CommandSent         CommandState = "sent"
	CommandAcknowledged CommandState = "acknowledged"
	CommandDone         CommandState = "done"
	CommandFailed       CommandState = "failed"
	CommandExpired      CommandState = "expired"
)

// Result is what a device sends as "result", and as the body of POST /results. The answer is the
// [Command].
type Result struct {
	Device  string          `json:"device,omitempty" jsonschema:"maxLength=40,pattern=^[a-z0-9-]*$"`
	Command string          `json:"command" jsonschema:"minLength=1,maxLength=40"`
	State   CommandState    `json:"state" jsonschema:"enum=acknowledged,enum=done,enum=failed"`
	Result  json.RawMessage `json:"result,omitempty"`
	Message string          `json:"message,omitempty" jsonschema:"maxLength=400"`
}

// Refusals is how many readings were refused for a reason, a value of the topic of refusals.
type Refusals struct {
	Reason Reason    `json:"reason"`
	Count  int64     `json:"count"`
	Last   time.Time `json:"last"`
	// Example is the last one, for people.
	Example string `json:"example,omitempty"`
}

// Catalog is the answer to "catalog": what devices measure, and who asks.
type Catalog struct {
	Tenant string          `json:"tenant"`
	Name   string          `json:"name"`
	Scopes []string        `json:"scopes"`
	Types  map[string]Type `json:"types"`
}
