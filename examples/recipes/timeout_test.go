package recipes

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/wstest"
)

func TestASlowHandlerIsAnsweredBeforeAPIGatewayDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newPatientRouter()
		gatesock.Handle(r, "wait", func(ctx context.Context, _ *gatesock.Request, _ struct{}) error {
			<-ctx.Done()
			return ctx.Err()
		})
		h := wstest.New(t, r, wstest.WithConfig(func(c *emulator.Config) { c.Clock = nil }))
		h.Connect().Request("wait", nil).ExpectError(gatesock.CodeDeadlineExceeded)
		h.Close()
	})
}
