package emulator

import (
	"context"
	"net/http"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// faultCases are what a gateway does on AWS now and then, and here by [Faults] only.
func faultCases() []conformanceCase {
	return []conformanceCase{
		{
			section: "Faults", mark: documented, behavior: "messages overtake each other (§5)",
			check: func(w *world) {
				p := w.connect()
				held := make(chan FaultEvent, 1)
				w.gw.Faults().OnFault(func(e FaultEvent) { held <- e })
				w.gw.Faults().Add(Hold(time.Second).Times(1))
				p.text("first")
				<-held
				p.text("second")
				require.Equal(w.t, "second", *w.event("$default").Body)
				w.clock.Advance(time.Second)
				require.Equal(w.t, "first", *w.event("$default").Body)
			},
		},
		{
			section: "Faults", mark: observed, behavior: "a post that arrives answers 410 (§7)",
			check: func(w *world) {
				p := w.connect()
				w.gw.Faults().Add(FailDelivered(gatesock.ErrGone).Times(1))
				require.ErrorIs(w.t, w.post(p, "hello"), gatesock.ErrGone)
				require.Equal(w.t, "hello", w.frame(p))
				w.noFrame(p)
			},
		},
		{
			section: "Faults", mark: documented,
			behavior: "the account's 500 new connections and 10,000 requests a second, which callbacks share (§8)",
			check: func(w *world) {
				w.gw.Faults().Add(AccountQuotas()...)
				var id string
				for range 500 {
					s, err := w.gw.Connect(context.Background(), Handshake{}, player{})
					require.NoError(w.t, err)
					id = s.ID()
				}
				_, a := w.front.dial(w, Handshake{})
				require.Equal(w.t, http.StatusTooManyRequests, a.status)
				info := func() error {
					_, err := w.gw.Info(context.Background(), gatesock.Target{ConnectionID: id})
					return err
				}
				for range 4_500 {
					require.NoError(w.t, info())
				}
				require.ErrorIs(w.t, info(), gatesock.ErrThrottled)
				w.clock.Advance(time.Millisecond)
				for range 10 {
					require.NoError(w.t, info())
				}
				require.ErrorIs(w.t, info(), gatesock.ErrThrottled)
			},
		},
		{
			section: "Faults", mark: documented, behavior: "the service restarts and closes with 1012 (§8)",
			check: func(w *world) {
				p := w.connect()
				w.gw.Faults().Add(Restart(0).For(p.id))
				require.Equal(w.t, 1012, w.end(p).Code)
				require.Equal(w.t, 1012, w.event("$disconnect").Context.Code)
				w.connect()
			},
		},
		{
			section: "Faults", mark: documented, behavior: "$disconnect does not come (§9)",
			check: func(w *world) {
				p := w.connect()
				w.gw.Faults().Add(LoseDisconnect())
				require.NoError(w.t, w.gw.Disconnect(context.Background(), gatesock.Target{ConnectionID: p.id}))
				require.Equal(w.t, 1000, w.end(p).Code)
				w.noEvent()
			},
		},
		{
			section: "Faults", mark: observed, behavior: "a cable that is pulled is not noticed before the idle timeout (§9)",
			check: func(w *world) {
				p := w.connect()
				w.gw.Faults().Add(HalfOpen(0, 0).For(p.id))
				require.NoError(w.t, w.post(p, "nobody gets this"))
				p.drop()
				w.noEvent()
				require.Empty(w.t, p.frames)
				w.clock.Advance(10 * time.Minute)
				require.Equal(w.t, "Going away", w.event("$disconnect").Context.Reason)
			},
		},
	}
}
