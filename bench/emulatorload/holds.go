package main

import (
	"context"

	"github.com/gatesock/gatesock/bench/internal/harness"
	"github.com/gatesock/gatesock/bench/internal/wsload"
)

// holding is one measurement with many connections open at once.
type holding struct {
	Server string `json:"server"`
	// Echoed means that each connection has echoed one message before.
	Echoed bool `json:"echoed"`
	// Killed means that the clients' process was killed instead of closing its connections.
	Killed bool `json:"killed"`

	Before      int         `json:"residentBefore"` // in bytes, with no connection
	Resident    int         `json:"resident"`       // with all
	Disconnects map[int]int `json:"disconnects"`    // events by code
}

// addHolds measures both servers with many open connections, idle ones and ones that have echoed.
// The emulator is measured with clients that close and with clients that are killed.
func (r *report) addHolds(ctx context.Context) error {
	for _, h := range []holding{
		{Server: kindBare},
		{Server: kindGatesock},
		{Server: kindBare, Echoed: true},
		{Server: kindGatesock, Echoed: true},
		{Server: kindGatesock, Echoed: true, Killed: true},
	} {
		if err := r.hold(ctx, &h); err != nil {
			return err
		}
		r.Holds = append(r.Holds, h)
	}
	return nil
}

// hold takes one measurement on a fresh server.
func (r *report) hold(ctx context.Context, h *holding) error {
	server, address, err := startServer(ctx, serverOrder{Kind: h.Server})
	if err != nil {
		return err
	}
	defer server.Kill()
	if h.Before, err = resident(server); err != nil {
		return err
	}
	load, err := harness.Start(ctx, roleLoad, wsload.Order{
		Load: wsload.Hold, Address: address, Clients: r.Settings.Open, Payload: r.Settings.Payload, Touch: h.Echoed,
	})
	if err != nil {
		return err
	}
	defer load.Kill()
	if err := r.expectWell(h, "opening", load.Answer); err != nil {
		return err
	}
	if h.Resident, err = resident(server); err != nil {
		return err
	}
	if err := r.endHold(ctx, h, server, load); err != nil {
		return err
	}
	_, err = server.End()
	return err
}

// endHold ends the connections and checks the events that follow.
func (r *report) endHold(ctx context.Context, h *holding, server, load *harness.Child) error {
	code := 1006
	if h.Killed {
		load.Kill()
	} else {
		code = 1000
		err := r.expectWell(h, "closing", func(v any) error { return load.Ask(wsload.Close, v) })
		if err != nil {
			return err
		}
		if _, err := load.End(); err != nil {
			return err
		}
	}
	if h.Server != kindGatesock {
		return nil
	}
	c, err := r.expectClosed(
		ctx,
		h.String(),
		func() (counts, error) { return readCounts(server) },
		r.Settings.Open,
		code,
	)
	h.Disconnects = c.Disconnects
	return err
}

// expectWell reads an outcome and expects that nothing was lost.
func (r *report) expectWell(h *holding, what string, read func(any) error) error {
	var o wsload.Outcome
	if err := read(&o); err != nil {
		return err
	}
	r.expect(o.Error == "" && o.Lost == 0, "%v: %s: %d lost: %s", h, what, o.Lost, o.Error)
	return nil
}

// String describes the measurement.
func (h *holding) String() string {
	s := h.Server + " with idle connections"
	if h.Echoed {
		s = h.Server + " with connections that echoed"
	}
	if h.Killed {
		s += ", clients killed"
	}
	return s
}
