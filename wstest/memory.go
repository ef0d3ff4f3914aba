package wstest

import (
	"context"

	"github.com/gatesock/gatesock/emulator"
)

// memoryLink is a client without a socket: the [emulator.Client] that the gateway sends to, and the link that the test
// sends by.
type memoryLink struct {
	harness *Harness
	session *emulator.Session
	inbox   *inbox
}

// Send takes a message from the gateway.
func (l *memoryLink) Send(data []byte) error {
	l.inbox.add(string(data))
	return nil
}

// Close takes the gateway's close frame.
func (l *memoryLink) Close(code int, reason string) {
	l.inbox.end(closing{code: code, reason: reason})
}

func (l *memoryLink) send(ctx context.Context, data []byte, binary bool) error {
	limit := l.harness.patience()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := l.session.Receive(ctx, emulator.Message{Data: data, Binary: binary}); err != nil {
		return err
	}
	if ctx.Err() == nil {
		return nil
	}
	return l.harness.watch.unfinished(l.session.ID(), limit)
}

func (l *memoryLink) close(ctx context.Context, code int, reason string) error {
	l.session.Close(ctx, code, reason)
	return ctx.Err()
}

func (l *memoryLink) drop(ctx context.Context) error {
	l.session.Abort(ctx)
	return ctx.Err()
}

// settle waits for the only thing that goes on after the calls that cause it: the $disconnect of connections that were
// closed through the @connections API.
func (l *memoryLink) settle(ctx context.Context) error { return l.harness.awaitDisconnects(ctx) }
