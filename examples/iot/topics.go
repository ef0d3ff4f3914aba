package iot

import (
	"strings"
	"time"

	"github.com/gatesock/gatesock/topic"
)

// The topics. Names of tenants and devices have neither ":" nor "/".
//
//	devices:<tenant>            state: a Device for each id
//	alerts:<tenant>             state: an Alert for each "<device>/<rule>"
//	commands:<tenant>           state: a Command for each id
//	refusals:<tenant>           state: Refusals for each reason
//	history:<tenant>/<device>   events "reading": a Reading
//	alertlog:<tenant>           events "alert": an Alert, at each change of its state
//	inbox:<tenant>/<device>     events "command": an Order, for the device itself
//	tenants                     state: a key for each tenant; nobody can subscribe to it
const tenantsTopic = "tenants"

// DevicesTopic returns the name of the topic of a tenant's devices.
func DevicesTopic(tenant string) string { return "devices:" + tenant }

// AlertsTopic returns the name of the topic of a tenant's alerts.
func AlertsTopic(tenant string) string { return "alerts:" + tenant }

// CommandsTopic returns the name of the topic of a tenant's commands.
func CommandsTopic(tenant string) string { return "commands:" + tenant }

// RefusalsTopic returns the name of the topic of a tenant's refused readings.
func RefusalsTopic(tenant string) string { return "refusals:" + tenant }

// AlertLogTopic returns the name of the topic of what has happened to a tenant's alerts.
func AlertLogTopic(tenant string) string { return "alertlog:" + tenant }

// HistoryTopic returns the name of the topic of a device's readings.
func HistoryTopic(tenant, device string) string { return "history:" + tenant + "/" + device }

// InboxTopic returns the name of the topic of a device's orders.
func InboxTopic(tenant, device string) string { return "inbox:" + tenant + "/" + device }

// keep returns for how long the events of a topic can be read.
func (a *App) keep(name string) topic.Retention {
	switch kind, _, _ := strings.Cut(name, ":"); kind {
	case "alertlog":
		return topic.Retention{Age: 7 * 24 * time.Hour}
	case "inbox":
		return topic.Retention{Age: maxTimeout}
	}
	return topic.Retention{Age: a.retention, Count: -1}
}

// patience is for how long a device waits at most when a dashboard that wants only one value in so
// much time gets the next one: such filters with more than this get the last value of a burst with
// the next report.
const patience = time.Second

// stateOf returns which topics have values, and what their filters may name.
func stateOf(name string) (topic.State, bool) {
	switch kind, _, _ := strings.Cut(name, ":"); kind {
	case "devices":
		names := []string{"id", "type", "region", "status", "online", "value"}
		return topic.State{Attributes: names, Sampled: true, Patience: patience}, true
	case "alerts":
		return topic.State{Attributes: []string{"state", "device", "severity", "region"}}, true
	case "commands":
		return topic.State{Attributes: []string{"device", "state"}}, true
	case "refusals", tenantsTopic:
		return topic.State{}, true
	}
	return topic.State{}, false
}
