package recipes

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/wstest"
)

// TestAServiceThatFails checks that a client waits for five timeouts of a service, and after that
// for none.
func TestAServiceThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		up := false
		charge := func(ctx context.Context, _ int) error {
			if up {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}
		recommended := 0
		recommend := func(context.Context) ([]string, error) {
			recommended++
			return nil, errors.New("down")
		}
		h := wstest.New(t, newShop(charge, recommend), wstest.WithConfig(func(c *emulator.Config) { c.Clock = nil }))
		client := h.Connect()
		began := time.Now()
		for range 5 {
			client.Request("pay", Payment{Cents: 100}).ExpectError(gatesock.CodeDeadlineExceeded)
		}
		require.Equal(t, 15*time.Second, time.Since(began))
		failure := client.Request("pay", Payment{Cents: 100}).ExpectError(gatesock.CodeUnavailable)
		require.Equal(t, 15*time.Second, time.Since(began))
		require.Equal(t, 30*time.Second, failure.RetryAfter)

		var page Page
		for range 20 {
			client.Request("shop", nil).ExpectReply(&page)
			require.Equal(t, Page{Title: "Today"}, page)
		}
		require.Equal(t, 5, recommended)

		up = true
		time.Sleep(30 * time.Second) // of the bubble
		client.Request("pay", Payment{Cents: 100}).ExpectAck()
		client.Request("pay", Payment{Cents: 100}).ExpectAck()
		h.Close()
	})
}
