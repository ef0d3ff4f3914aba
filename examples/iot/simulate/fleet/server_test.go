package fleet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/examples/iot"
	"github.com/gatesock/gatesock/examples/iot/bridge"
	"github.com/gatesock/gatesock/examples/iot/simulate/fleet"
)

// serve runs the app behind the emulator and a broker, and returns a fleet that reports to it.
func serve(t *testing.T) (*iot.App, fleet.Config) {
	t.Helper()
	listen := func() net.Listener {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		return l
	}
	var app *iot.App
	var broker *bridge.Broker
	gateway, err := emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		app = iot.NewInMemory(api, iot.WithDownlink(
			func(ctx context.Context, tenant, device string, o iot.Order) error {
				return broker.Send(ctx, tenant, device, o)
			}))
		return app.Handler(), nil
	}, emulator.Config{Stage: "local", Pages: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		app.HTTP().ServeHTTP(w, r)
	})})
	require.NoError(t, err)
	pages, devices := listen(), listen()
	server := &http.Server{Handler: gateway, ReadHeaderTimeout: time.Minute}
	go server.Serve(emulator.NewListener(pages)) //nolint:errcheck // it ends with Close
	broker, err = bridge.New(devices, bridge.Config{Keys: app.Keys(), Function: app.Handler()})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, broker.Close())
		require.NoError(t, gateway.Shutdown(context.WithoutCancel(t.Context())))
		require.NoError(t, server.Close())
	})
	_, key, err := app.Keys().Create(t.Context(), apikey.Key{
		Name: "test", Owner: "acme/gateway", Scopes: []string{iot.ScopeIngest, iot.ScopeManage, iot.ScopeView},
		Attributes: map[string]string{iot.AttributeTenant: "acme"},
	})
	require.NoError(t, err)
	return app, fleet.Config{
		URL: "ws://" + pages.Addr().String() + "/local", HTTP: "http://" + pages.Addr().String(),
		Broker: "tcp://" + devices.Addr().String(), Key: key, Tenant: "acme",
		Devices: 20, Rate: 2, Via: fleet.Shares{WS: 40, MQTT: 40, HTTP: 20},
	}
}

func TestAFleetReportsByAllWays(t *testing.T) {
	_, cfg := serve(t)
	ctx, stop := context.WithCancel(t.Context())
	cfg.Faults = fleet.Faults{Drops: 0.01, Bursts: 0.01, Skew: 0.05, Replays: 0.05, Malformed: 0.05}
	cfg.Progress = func(f fleet.Figures) {
		if f.Accepted > 50 && f.Handed > 30 && f.Delivered > 50 && len(f.Counted) >= 2 {
			stop()
		}
	}
	var lines bytes.Buffer
	cfg.Record = &lines
	f, err := fleet.Run(ctx, cfg)
	require.NoError(t, err)
	require.Positive(t, f.Latency.P50)
	require.GreaterOrEqual(t, f.Latency.P99, f.Latency.P50)

	c, err := client.Connect(t.Context(), cfg.URL, client.WithRequest(func(r *http.Request) error {
		r.Header.Set("X-Api-Key", cfg.Key)
		return nil
	}))
	require.NoError(t, err)
	defer c.Close()
	ways, all := map[string]int{}, int64(0)
	records := json.NewDecoder(&lines)
	for range cfg.Devices {
		var record fleet.Record
		require.NoError(t, records.Decode(&record))
		ways[record.Via]++
		var history fleet.Ranges
		sub := c.Subscribe(iot.HistoryTopic("acme", record.Device))
		page, err := sub.History(t.Context(), client.Position{}, 1000)
		require.NoError(t, err)
		require.False(t, page.More)
		for _, e := range page.Events {
			var r iot.Reading
			require.NoError(t, e.Decode(&r))
			history.Add(r.Seq)
		}
		sub.Close()
		require.Len(t, page.Events, int(history.Tidy().Len()), "none is there twice")
		taken := append(record.Accepted, record.Handed...) //nolint:gocritic // it is not used again
		for _, part := range taken.Tidy() {
			for seq := part[0]; seq <= part[1]; seq++ {
				require.True(t, history.Has(seq), "%s by %s: %d was taken", record.Device, record.Via, seq)
			}
		}
		known := append(taken, record.Open...).Tidy()
		for _, part := range history.Tidy() {
			for seq := part[0]; seq <= part[1]; seq++ {
				require.True(t, known.Has(seq), "%s by %s: %d was not taken", record.Device, record.Via, seq)
			}
		}
		all += taken.Tidy().Len()
	}
	require.Equal(t, map[string]int{"ws": 8, "mqtt": 8, "http": 4}, ways)
	require.Greater(t, all, int64(70))
}

func TestAKeyThatMayNotRegister(t *testing.T) {
	app, cfg := serve(t)
	var err error
	_, cfg.Key, err = app.Keys().Create(t.Context(), apikey.Key{
		Name: "test", Owner: "acme/gateway", Scopes: []string{iot.ScopeIngest},
		Attributes: map[string]string{iot.AttributeTenant: "acme"},
	})
	require.NoError(t, err)
	_, err = fleet.Run(t.Context(), cfg)
	require.ErrorContains(t, err, "devices could not be registered")
	cfg.Key = "gs_wrong"
	_, err = fleet.Run(t.Context(), cfg)
	require.ErrorContains(t, err, "devices could not be registered")
}

func TestAFleetCarriesOutOrders(t *testing.T) {
	app, cfg := serve(t)
	_, key, err := app.Keys().Create(t.Context(), apikey.Key{
		Name: "test", Owner: "person", Scopes: []string{iot.ScopeView, iot.ScopeOperate},
		Attributes: map[string]string{iot.AttributeTenant: "acme"},
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	cfg.Devices, cfg.Quiet = 4, true
	ended := make(chan fleet.Figures, 1)
	go func() {
		f, _ := fleet.Run(ctx, cfg)
		ended <- f
	}()
	c, err := client.Connect(t.Context(), cfg.URL, client.WithRequest(func(r *http.Request) error {
		r.Header.Set("X-Api-Key", key)
		return nil
	}))
	require.NoError(t, err)
	defer c.Close()
	online := map[string]bool{}
	for v, err := range c.Values(iot.DevicesTopic("acme")).Changes(t.Context()) {
		require.NoError(t, err)
		var d iot.Device
		require.NoError(t, v.Decode(&d))
		if online[d.ID] = d.Seq > 0 && (d.Online || d.Via == "http"); len(online) < 4 {
			continue
		}
		if online["meter-0001"] && online["pump-0002"] && online["thermometer-0003"] && online["vehicle-0004"] {
			break
		}
	}
	orders := map[string]string{
		"meter-0001": "restart", "pump-0002": "stop", "thermometer-0003": "blink", "vehicle-0004": "locate",
	}
	for device, name := range orders {
		_, err := client.Call[iot.Command](t.Context(), c, "command", iot.Instruction{Device: device, Name: name, TimeoutMs: 60_000})
		require.NoError(t, err)
	}
	done := map[string]iot.CommandState{}
	for v, err := range c.Values(iot.CommandsTopic("acme")).Changes(t.Context()) {
		require.NoError(t, err)
		var command iot.Command
		require.NoError(t, v.Decode(&command))
		if command.State != iot.CommandSent && command.State != iot.CommandAcknowledged {
			done[command.Device] = command.State
		}
		if len(done) == len(orders) {
			break
		}
	}
	for device, state := range done {
		require.Equal(t, iot.CommandDone, state, device)
	}
	stop()
	require.EqualValues(t, 4, (<-ended).Commands)
}
