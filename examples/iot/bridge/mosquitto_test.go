package bridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/examples/iot"
)

// need returns the path of a tool, which it installs if necessary.
func need(t *testing.T, tool string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "../../../scripts/need", tool).Output()
	require.NoError(t, err, tool)
	return strings.TrimSpace(string(out))
}

// mosquitto runs the broker of a site, whose devices need no keys. It is a gateway for them: it
// passes on what they publish, under the tenant that its key is of, and their orders. It returns
// the socket for clients.
func (w *world) mosquitto(tenant string) (socket string) {
	w.t.Helper()
	folder, err := os.MkdirTemp("", "mosquitto") // a socket's path must be short
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, os.RemoveAll(folder)) })
	socket = filepath.Join(folder, "socket")
	file := filepath.Join(folder, "mosquitto.conf")
	require.NoError(w.t, os.WriteFile(file, fmt.Appendf(nil, `
user root
listener 0 %s
allow_anonymous true
connection gatesock
address %s
remote_clientid %s.site-7
remote_username any
remote_password %s
bridge_protocol_version mqttv311
try_private false
notifications false
cleansession true
restart_timeout 1
topic +/readings out 1 "" %[3]s/
topic +/results out 1 "" %[3]s/
topic +/commands in 1 "" %[3]s/
`, socket, w.Addr(), tenant, w.key(tenant, "", iot.ScopeIngest)), 0o600))
	var log strings.Builder
	ctx, stop := context.WithCancel(context.Background())
	broker := exec.CommandContext(ctx, need(w.t, "mosquitto"), "-c", file, "-v")
	broker.Stderr = &log
	broker.Cancel = func() error { return broker.Process.Signal(os.Interrupt) }
	require.NoError(w.t, broker.Start())
	w.t.Cleanup(func() {
		stop()
		_ = broker.Wait() // its status is that of the signal
		if w.t.Failed() {
			w.t.Log(log.String())
		}
	})
	return socket
}

// TestMosquitto has mosquitto as the broker of devices, with its clients as devices: what they
// publish comes by mosquitto, this broker and a rule to the function, and an order goes back.
func TestMosquitto(t *testing.T) {
	t.Parallel()
	publisher, subscriber := need(t, "mosquitto_pub"), need(t, "mosquitto_sub")
	w := newWorld(t)
	socket := w.mosquitto("acme")
	require.Equal(t, "connected acme.site-7", w.event())
	require.Equal(t, "subscribed acme.site-7 acme/+/commands", w.event())

	for n := range 3 {
		out, err := exec.CommandContext(t.Context(), publisher, "--unix", socket, "-q", "1",
			"-t", "pump-1/readings", "-m", fmt.Sprintf(`{"seq":%d}`, n)).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Equal(t, fmt.Sprintf(`readings acme.site-7 acme/pump-1/readings {"seq":%d}`, n), w.message())
	}
	// Messages of one client keep their order.
	lines := exec.CommandContext(t.Context(), publisher, "--unix", socket, "-q", "1", "-t", "pump-2/results", "-l")
	lines.Stdin = strings.NewReader("a\nb\nc\n")
	out, err := lines.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, line := range []string{"a", "b", "c"} {
		require.Equal(t, "results acme.site-7 acme/pump-2/results "+line, w.message())
	}

	// The device subscribes at its broker, so nobody here knows when it is there. The order is sent
	// until it has come.
	var printed strings.Builder
	device := exec.CommandContext(t.Context(), subscriber, "--unix", socket, "-q", "1", "-t", "pump-1/commands", "-C", "1", "-v")
	device.Stdout = &printed
	require.NoError(t, device.Start())
	got := make(chan error, 1)
	go func() { got <- device.Wait() }()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for waiting := true; waiting; {
		require.NoError(t, w.Send(t.Context(), "acme", "pump-1", iot.Order{ID: "c1", Name: "start"}))
		select {
		case err := <-got:
			require.NoError(t, err)
			waiting = false
		case <-again.C:
		}
	}
	name, payload, _ := strings.Cut(strings.TrimSpace(printed.String()), " ")
	require.Equal(t, "pump-1/commands", name)
	var order iot.Order
	require.NoError(t, json.Unmarshal([]byte(payload), &order))
	require.Equal(t, iot.Order{ID: "c1", Name: "start"}, order)
	require.Empty(t, w.refused)
}
