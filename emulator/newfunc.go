package emulator

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
)

// errNotReady is the error of a call that comes before there is a gateway.
var errNotReady = errors.New("there is no gateway yet: build has not returned")

// NewFunc returns a gateway in front of the handler that build makes. It is [New] for handlers that post to their own clients:
// such a handler needs the gateway, which in turn needs the handler.
//
//	gateway, err := emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
//		return newRouter(conn.NewMemory(), api), nil
//	}, emulator.Config{Stage: "dev"})
//
// What build gets reaches the gateway from the moment that there is one, which is before the first event. Calls before that, as
// from a goroutine that build starts, fail with [gatesock.ErrNotSent]. NewFunc calls build once, and returns its error as it is.
func NewFunc(build func(api gatesock.ConnectionsAPI) (lambda.Handler, error), cfg Config) (*Gateway, error) {
	if build == nil {
		return nil, errors.New("emulator: NewFunc with a nil function")
	}
	api := new(comingGateway)
	h, err := build(api)
	if err != nil {
		return nil, err
	}
	g, err := New(h, cfg)
	if err != nil {
		return nil, err
	}
	api.gateway.Store(g)
	return g, nil
}

// comingGateway is the @connections API of a gateway that is still to be made.
type comingGateway struct{ gateway atomic.Pointer[Gateway] }

func (c *comingGateway) get(operation string, to gatesock.Target) (*Gateway, error) {
	if g := c.gateway.Load(); g != nil {
		return g, nil
	}
	return nil, fmt.Errorf("emulator: %s %.100q: %w: %w", operation, to.ConnectionID, gatesock.ErrNotSent, errNotReady)
}

func (c *comingGateway) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	g, err := c.get("post to", to)
	if err != nil {
		return err
	}
	return g.Post(ctx, to, data)
}

func (c *comingGateway) Info(ctx context.Context, of gatesock.Target) (gatesock.ConnectionInfo, error) {
	g, err := c.get("info on", of)
	if err != nil {
		return gatesock.ConnectionInfo{}, err
	}
	return g.Info(ctx, of)
}

func (c *comingGateway) Disconnect(ctx context.Context, from gatesock.Target) error {
	g, err := c.get("disconnecting", from)
	if err != nil {
		return err
	}
	return g.Disconnect(ctx, from)
}
