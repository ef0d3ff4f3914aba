package recipes_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/describe"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/examples/recipes"
)

func TestDevices(t *testing.T) {
	t.Parallel()
	var got []eventmux.IoTMessage
	mux := recipes.Devices(gatesock.New(), func(_ context.Context, m eventmux.IoTMessage) error {
		got = append(got, m)
		return nil
	})
	sent := eventmux.IoTMessage{
		Rule: "readings", Topic: "acme/d1/readings", ClientID: "d1", Payload: []byte("21"), Time: time.UnixMilli(1).UTC(),
	}
	_, err := mux.Invoke(t.Context(), sent.Event())
	require.NoError(t, err)
	require.Equal(t, []eventmux.IoTMessage{sent}, got)
	sent.Topic = "acme/d1/commands"
	_, err = mux.Invoke(t.Context(), sent.Event())
	require.ErrorIs(t, err, eventmux.ErrNoSource)

	app, err := describe.Of(mux)
	require.NoError(t, err)
	require.Equal(t, []describe.Source{{Kind: "iot", Name: "readings", Topic: "+/+/readings"}}, app.Sources)
	require.Equal(t, []string{"+/+/commands"}, app.Needs[0].Topics)
}
