package emulator

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
)

// ErrNotUTF8 is given for posted data that is not UTF-8. What AWS does with it is not known, and all frames that were
// ever seen are text; so that nobody relies on it, it is an error here.
var ErrNotUTF8 = errors.New("emulator: posted data is not UTF-8")

// ErrNoRoute is given for an endpoint that is not one of this API.
var ErrNoRoute = errors.New("emulator: no method found matching the endpoint's path")

// Post sends a message to a connection, as POST @connections does. It never blocks. Its errors match those
// of [gatesock.Poster], or [ErrNotUTF8], or [ErrNoRoute].
//
// The endpoint is empty or an address of the @connections API of this gateway; its path is checked, its host is
// not.
func (g *Gateway) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	if err := g.post(ctx, to, data); err != nil {
		return fmt.Errorf("emulator: post to %.100q: %w", to.ConnectionID, err)
	}
	return nil
}

// post judges the size before it looks for the connection: so a front needs to read no more than decides it.
func (g *Gateway) post(ctx context.Context, to gatesock.Target, data []byte) error {
	if len(data) > gatesock.MaxMessageSize {
		return gatesock.ErrTooLarge
	}
	s, err := g.target(ctx, to)
	if err != nil {
		return err
	}
	return s.post(data)
}

// Info tells about a connection, as GET @connections does. Errors are as with [Gateway.Post].
func (g *Gateway) Info(ctx context.Context, of gatesock.Target) (gatesock.ConnectionInfo, error) {
	s, err := g.target(ctx, of)
	if err != nil {
		return gatesock.ConnectionInfo{}, fmt.Errorf("emulator: info on %.100q: %w", of.ConnectionID, err)
	}
	return s.info(), nil
}

// Disconnect closes a connection, as DELETE @connections does, with 1000 "Connection Closed Normally" (observed:
// boto3#3789). It does not wait for $disconnect. Errors are as with [Gateway.Post].
func (g *Gateway) Disconnect(ctx context.Context, who gatesock.Target) error {
	s, err := g.target(ctx, who)
	if err != nil {
		return fmt.Errorf("emulator: disconnecting %.100q: %w", who.ConnectionID, err)
	}
	s.end(closeNormally(), byGateway).start()
	return nil
}

func closeNormally() CloseStatus {
	return CloseStatus{Code: 1000, Reason: "Connection Closed Normally"}
}

// target finds the session that a call is about.
func (g *Gateway) target(ctx context.Context, to gatesock.Target) (*Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := g.checkEndpoint(to.Endpoint); err != nil {
		return nil, err
	}
	return g.find(to.ConnectionID)
}

func (g *Gateway) checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	p := g.parsePath(u.EscapedPath())
	switch {
	case p.kind == pathForbidden:
		return fmt.Errorf("endpoint %.200q: %w", endpoint, gatesock.ErrForbidden)
	case p.kind != pathStage:
		return fmt.Errorf("endpoint %.200q: %w", endpoint, ErrNoRoute)
	}
	return nil
}

// find gives the open session with that id. The order of the checks is that of the answers' precedence.
func (g *Gateway) find(id string) (*Session, error) {
	switch {
	case !g.bucket.take():
		return nil, gatesock.ErrThrottled
	case !validID(id):
		return nil, gatesock.ErrBadConnectionID
	}
	s, ok := g.session(id)
	if !ok {
		return nil, gatesock.ErrGone
	}
	return s, nil
}

func (s *Session) post(data []byte) error {
	if !utf8.Valid(data) {
		return ErrNotUTF8
	}
	err := s.send(data, s.client.Send)
	if err != nil && !errors.Is(err, gatesock.ErrGone) {
		return fmt.Errorf("%w: %w", gatesock.ErrThrottled, err)
	}
	return err
}

func (s *Session) info() gatesock.ConnectionInfo {
	return gatesock.ConnectionInfo{
		ConnectedAt:  s.connectedAt.UTC().Truncate(time.Millisecond),
		LastActiveAt: s.lastActive().UTC().Truncate(time.Millisecond),
		Identity:     gatesock.Identity{SourceIP: s.sourceIP, UserAgent: s.userAgent},
	}
}
