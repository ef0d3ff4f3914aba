package apigw

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/gatesock/gatesock"
	"github.com/stretchr/testify/require"
)

// pool is a transport that counts how often its idle connections are closed.
type pool struct {
	closed  int
	entered chan struct{} // nil: does not wait
	leave   chan struct{}
}

func (p *pool) roundTrip(_ context.Context, _ *request, a *answer) error {
	if p.entered != nil {
		close(p.entered)
		<-p.leave
	}
	a.status = 200
	return nil
}

func (p *pool) CloseIdleConnections() { p.closed++ }

func named(i int) *gateway {
	e, err := readEndpoint(fmt.Sprintf("http://localhost:3000/s%d", i))
	if err != nil {
		panic(err)
	}
	return &gateway{endpoint: e, transport: new(pool)}
}

func TestOthersAreBounded(t *testing.T) {
	t.Parallel()
	var o others
	all := make([]*gateway, maxOthers+2)
	for i := range all {
		all[i] = named(i)
		require.Same(t, all[i], o.add(all[i]))
		o.release(all[i])
		require.Same(t, all[0], o.find(all[0].name), "the first one stays in use")
		o.release(all[0])
	}
	require.Len(t, o.recent, maxOthers)
	for i, g := range all {
		dropped := i == 1 || i == 2
		require.Equal(t, dropped, o.find(g.name) == nil, "gateway %d", i)
		require.Equal(t, dropped, g.transport.(*pool).closed > 0, "gateway %d", i)
	}
}

func TestOfTwoOfTheSameNameOneStays(t *testing.T) {
	t.Parallel()
	var o others
	first := o.add(named(1))
	require.Same(t, first, o.add(named(1)))
	require.Len(t, o.recent, 1)
	require.Equal(t, 2, first.calls)
}

// If a gateway is dropped during a call, the connection of that call is closed after it.
func TestDroppedWhileInUse(t *testing.T) {
	t.Parallel()
	c, err := New(nil, "http://localhost:3000/own")
	require.NoError(t, err)
	busy := named(0)
	transport := &pool{entered: make(chan struct{}), leave: make(chan struct{})}
	busy.transport = transport
	c.others.release(c.others.add(busy))
	var wg sync.WaitGroup
	wg.Go(func() {
		to := gatesock.Target{ConnectionID: "AbC=", Endpoint: "http://LOCALHOST:3000/s0/"}
		if err := c.Post(context.Background(), to, nil); err != nil {
			t.Error(err)
		}
	})
	<-transport.entered
	for i := range maxOthers {
		c.others.release(c.others.add(named(i + 1)))
	}
	require.Equal(t, 1, transport.closed)
	close(transport.leave)
	wg.Wait()
	require.Equal(t, 2, transport.closed)
	require.Zero(t, busy.calls)
}

// Over net/http all endpoints share a pool, which remains when one of them is dropped.
func TestManyEndpointsShareAPool(t *testing.T) {
	t.Parallel()
	srv, opened := countConns(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	srv.Start()
	c, err := New(nil, srv.URL+"/own", Patient(), OverNetHTTP(nil, 8))
	require.NoError(t, err)
	t.Cleanup(c.CloseIdleConnections)
	for i := range 3 * maxOthers {
		to := gatesock.Target{ConnectionID: "AbC=", Endpoint: fmt.Sprintf("%s/s%d", srv.URL, i)}
		require.NoError(t, c.Post(t.Context(), to, nil))
	}
	require.Len(t, c.others.recent, maxOthers)
	require.Less(t, opened.Load(), int64(maxOthers)) // one, unless the machine is very busy
}
