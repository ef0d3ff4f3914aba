package apigw_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/emulator"
	"github.com/stretchr/testify/require"
)

// local is an emulated API. It posts to each client its connection id, through the endpoint of the
// event.
func local(t *testing.T, cfg emulator.Config, mappings map[string]string) (*emulator.Server, *apigw.Client) {
	t.Helper()
	// The endpoint of the client leads nowhere: that of the event is used.
	client, err := apigw.New(nil, "http://localhost:1/none", apigw.Patient())
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)

	r := gatesock.New()
	gatesock.Handle(r, "whoami", func(ctx context.Context, req *gatesock.Request, _ struct{}) error {
		endpoint, err := apigw.EndpointFor(req, mappings)
		if err != nil {
			return err
		}
		return client.Post(ctx, gatesock.Target{ConnectionID: req.ConnectionID, Endpoint: endpoint}, []byte(req.ConnectionID))
	})
	cfg.Routes = []gatesock.Route{{Key: "whoami"}} // one way: posts are the only frames
	gateway, err := emulator.New(r, cfg)
	require.NoError(t, err)
	server, err := emulator.Serve(t.Context(), gateway, "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() {
		client.CloseIdleConnections()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		require.NoError(t, server.Close(ctx))
	})
	return server, client
}

// join connects and returns the connection id.
func join(t *testing.T, server *emulator.Server) (ws *websocket.Conn, id string) {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), server.URL, nil) //nolint:bodyclose // The library closes it.
	require.NoError(t, err)
	t.Cleanup(func() { _ = ws.CloseNow() })
	require.NoError(t, ws.Write(t.Context(), websocket.MessageText, []byte(`{"action":"whoami"}`)))
	_, data, err := ws.Read(t.Context())
	require.NoError(t, err)
	return ws, string(data)
}

func TestAgainstTheEmulator(t *testing.T) {
	t.Parallel()
	server, client := local(t, emulator.Config{Stage: "dev"}, nil)
	ws, id := join(t, server)
	exercise(t, client, ws, gatesock.Target{ConnectionID: id, Endpoint: server.Endpoint})

	to := gatesock.Target{ConnectionID: id, Endpoint: server.Endpoint + "x"}
	require.ErrorIs(t, client.Post(t.Context(), to, []byte("x")), gatesock.ErrForbidden)
}

// The emulator stands for a custom domain, on a loopback address.
func TestAgainstTheEmulatorsCustomDomain(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "chat", "chat/v1"} {
		cfg := emulator.Config{Stage: "dev", CustomDomain: true, BasePath: key}
		server, client := local(t, cfg, map[string]string{"127.0.0.1": key})
		ws, id := join(t, server)
		exercise(t, client, ws, gatesock.Target{ConnectionID: id, Endpoint: server.Endpoint})
	}
}

// exercise does all that a client can do with one connection, which is closed at the end.
func exercise(t *testing.T, client client, ws *websocket.Conn, to gatesock.Target) {
	t.Helper()
	ws.SetReadLimit(gatesock.MaxMessageSize)
	for _, message := range []string{"hello", strings.Repeat("ü", gatesock.MaxMessageSize/2)} {
		require.NoError(t, client.Post(t.Context(), to, []byte(message)))
		_, data, err := ws.Read(t.Context())
		require.NoError(t, err)
		require.Equal(t, message, string(data))
	}

	info, err := client.Info(t.Context(), to)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), info.ConnectedAt, time.Hour)
	require.False(t, info.LastActiveAt.Before(info.ConnectedAt))
	require.Equal(t, "127.0.0.1", info.Identity.SourceIP)

	require.NoError(t, client.Disconnect(t.Context(), to))
	_, _, err = ws.Read(t.Context())
	require.Equal(t, websocket.StatusNormalClosure, websocket.CloseStatus(err))

	require.ErrorIs(t, client.Post(t.Context(), to, []byte("x")), gatesock.ErrGone)
	_, err = client.Info(t.Context(), to)
	require.ErrorIs(t, err, gatesock.ErrGone)
	require.ErrorIs(t, client.Disconnect(t.Context(), to), gatesock.ErrGone)

	to.ConnectionID = "no id of a gateway"
	require.ErrorIs(t, client.Post(t.Context(), to, []byte("x")), gatesock.ErrBadConnectionID)
}

// Signed requests over TLS, with every transport.
func TestAgainstTheEmulatorOverTLS(t *testing.T) {
	t.Parallel()
	everyWay(t, func(t *testing.T, w way) {
		ids := make(chan string, 1)
		r := gatesock.New()
		r.OnConnect(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			ids <- req.ConnectionID
			return nil, nil
		})
		gateway, err := emulator.New(r, emulator.Config{Stage: "dev"})
		require.NoError(t, err)
		srv := httptest.NewUnstartedServer(gateway)
		client := w.start(t, srv)
		t.Cleanup(func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			require.NoError(t, gateway.Shutdown(ctx))
		})
		upgrade := &http.Transport{TLSClientConfig: trust(srv)}
		t.Cleanup(upgrade.CloseIdleConnections)
		//nolint:bodyclose // The library closes it.
		ws, _, err := websocket.Dial(t.Context(), srv.URL+gateway.BasePath(), &websocket.DialOptions{
			HTTPClient: &http.Client{Transport: upgrade},
		})
		require.NoError(t, err)
		t.Cleanup(func() { _ = ws.CloseNow() })
		exercise(t, client, ws, gatesock.Target{ConnectionID: <-ids})
	})
}

func TestEmulatorThrottles(t *testing.T) {
	t.Parallel()
	server, client := local(t, emulator.Config{Rate: 0.001, Burst: 3}, nil) // a handshake, a message, its post
	_, id := join(t, server)
	to := gatesock.Target{ConnectionID: id, Endpoint: server.Endpoint}
	require.ErrorIs(t, client.Post(t.Context(), to, []byte("x")), gatesock.ErrThrottled)
}
