package sim

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatesock/gatesock"
)

// gateway is the gateway as a process sees it.
type gateway struct{ p *process }

var errGateway = errors.New("sim: the gateway has failed")

func (g gateway) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	w := g.p.w
	return g.call(ctx, "push "+describeFrame(data)+" to", to, func(ctx context.Context) error {
		return w.gateway.Post(ctx, to, data)
	})
}

func (g gateway) Disconnect(ctx context.Context, from gatesock.Target) error {
	return g.call(ctx, "disconnect", from, func(ctx context.Context) error { return g.p.w.gateway.Disconnect(ctx, from) })
}

func (g gateway) Info(context.Context, gatesock.Target) (gatesock.ConnectionInfo, error) {
	return gatesock.ConnectionInfo{}, errors.New("sim: Info is not simulated")
}

func (g gateway) call(ctx context.Context, text string, to gatesock.Target, call func(context.Context) error) error {
	var err error
	s := &step{
		kind: kindPost, text: text + " " + g.p.w.nameOfConn(to.ConnectionID), to: "gateway",
		link: g.p.w.linkNamed(to.ConnectionID), do: func() { err = call(context.WithoutCancel(ctx)) },
	}
	switch g.p.stopFor(ctx, s, "") {
	case carried:
		return err
	case throttled:
		return fmt.Errorf("sim: %w", gatesock.ErrThrottled)
	case gone:
		return fmt.Errorf("sim: %w", gatesock.ErrGone)
	case forbidden:
		return fmt.Errorf("sim: %w", gatesock.ErrForbidden)
	case conflict:
		return fmt.Errorf("sim: %w", gatesock.ErrNotSent)
	case died:
		return errDead
	case abandoned:
		return fmt.Errorf("sim: %w", context.Cause(ctx))
	default:
		return errGateway
	}
}
