package iot

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
const (
	devicesPrefix  = "devices:"
	alertsPrefix   = "alerts:"
	commandsPrefix = "commands:"
	refusalsPrefix = "refusals:"
	historyPrefix  = "history:"
	alertlogPrefix = "alertlog:"
	inboxPrefix    = "inbox:"
	tenantsTopic   = "tenants"
)

// DevicesTopic returns the name of the topic of a tenant's devices.
func DevicesTopic(tenant string) string { return devicesPrefix + tenant }

// AlertsTopic returns the name of the topic of a tenant's alerts.
func AlertsTopic(tenant string) string { return alertsPrefix + tenant }

// CommandsTopic returns the name of the topic of a tenant's commands.
func CommandsTopic(tenant string) string { return commandsPrefix + tenant }

// RefusalsTopic returns the name of the topic of a tenant's refused readings.
func RefusalsTopic(tenant string) string { return refusalsPrefix + tenant }

// AlertLogTopic returns the name of the topic of what has happened to a tenant's alerts.
func AlertLogTopic(tenant string) string { return alertlogPrefix + tenant }

// HistoryTopic returns the name of the topic of a device's readings.
func HistoryTopic(tenant, device string) string { return historyPrefix + tenant + "/" + device }

// InboxTopic returns the name of the topic of a device's orders.
func InboxTopic(tenant, device string) string { return inboxPrefix + tenant + "/" + device }
