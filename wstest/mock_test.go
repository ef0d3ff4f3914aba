package wstest_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/wstest"
)

// The API answers on the route of WithKeepAlive, in memory and over sockets.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	newRouter := func() *gatesock.Router {
		r := gatesock.New(gatesock.WithKeepAlive("keepalive"))
		r.Use(func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
			return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
				if req.Action == "keepalive" {
					t.Error("the handler was invoked")
				}
				return next(ctx, req)
			}
		})
		return r
	}
	h := wstest.New(t, newRouter())
	keepAlive := func(c *wstest.Client) {
		c.Send("keepalive", nil)
		c.ExpectFrame(`{"action":"keepalive","data":null}`)
		c.ExpectNone()
	}
	c := h.Connect()
	for range 2 {
		h.Advance(9 * time.Minute)
		keepAlive(c)
	}
	keepAlive(wstest.NewServer(t, newRouter()).Dial(t))
}

// An answer of the API has no id, so that it is not the answer to a request.
func TestKeepAliveIsNoRequest(t *testing.T) {
	t.Parallel()
	failures := runFake(t, func(t *fakeTB) {
		h := wstest.New(t, gatesock.New(gatesock.WithKeepAlive("keepalive")))
		h.Connect().Request("keepalive", nil).ExpectAck()
	})
	require.Len(t, failures, 1)
	require.Contains(t, failures[0], `{"action":"keepalive","data":null}`)
}

// A harness does not wait for the $disconnect that a MOCK integration takes.
func TestMockDisconnect(t *testing.T) {
	t.Parallel()
	h := wstest.New(t, gatesock.New(), wstest.WithConfig(func(c *emulator.Config) {
		c.Routes = []gatesock.Route{{Key: "$disconnect", Mock: []byte{}}}
	}))
	c := h.Connect()
	h.Advance(time.Hour)
	c.ExpectClosed(1001)
	c.ExpectNone()
}
