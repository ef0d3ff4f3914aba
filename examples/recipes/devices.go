package recipes

import (
	"context"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/eventmux"
)

// Devices returns an app of a WebSocket API to which MQTT devices publish readings, and which
// publishes commands to them.
func Devices(r *gatesock.Router, readings func(context.Context, eventmux.IoTMessage) error) *eventmux.Mux {
	r.DeclareNeeds(gatesock.Need{
		Kind: gatesock.NeedIoT, Variable: "IOT_ENDPOINT",
		Actions: []string{"iot:Publish"}, Topics: []string{"+/+/commands"},
	})
	mux := eventmux.New(
		eventmux.WebSocket(r),
		eventmux.IoTRule("readings", "+/+/readings", eventmux.IoTHandler(readings)),
	)
	return mux
}
