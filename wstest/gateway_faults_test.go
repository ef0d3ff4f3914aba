package wstest_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/wstest"
)

func TestFaultsOfTheGateway(t *testing.T) {
	t.Parallel()
	for name, check := range faultCases() {
		for front, start := range fronts() {
			t.Run(name+"/"+front, func(t *testing.T) {
				t.Parallel()
				check(start(t))
			})
		}
	}
}

func faultCases() map[string]func(s *stage) {
	return map[string]func(s *stage){
		"gone":                          checkGone,
		"forbidden":                     checkForbidden,
		"slow":                          checkSlow,
		"slow until the context ends":   checkSlowTooLong,
		"throttled with a refill rate":  checkThrottled,
		"throttled messages":            checkThrottledMessages,
		"buffer full":                   checkBufferFull,
		"failed although delivered":     checkFailDelivered,
		"held message":                  checkHold,
		"held message after the end":    checkHoldAfterTheEnd,
		"messages at the same time":     checkConcurrent,
		"cold start":                    checkColdStart,
		"cold start beyond the timeout": checkColdStartTimeout,
		"cold start of $disconnect":     checkColdDisconnect,
		"lost $disconnect":              checkLoseDisconnect,
		"late $disconnect":              checkDelayDisconnect,
		"repeated $disconnect":          checkRepeatDisconnect,
		"repeated late $disconnect":     checkRepeatLate,
		"half-open":                     checkHalfOpen,
		"half-open and idle":            checkHalfOpenIdle,
		"half-open and noticed":         checkHalfOpenNoticed,
		"restart":                       checkRestart,
		"restart later":                 checkRestartLater,
		"quota of connections":          checkConnectQuota,
		"quota of requests":             checkRequestQuota,
		"dropped at the end":            checkDropped,
	}
}

func checkGone(s *stage) {
	a, b := s.open(), s.open()
	heal := s.Faults().Add(emulator.Gone().For(a.ID()))
	require.ErrorIs(s.t, s.post(a, "1"), gatesock.ErrGone)
	e := s.fault(emulator.Gone())
	require.Equal(s.t, []any{a.ID(), emulator.RouteCalls, uint64(1), uint64(1)},
		[]any{e.ConnectionID, e.Route, e.Connection, e.Call})
	require.NoError(s.t, s.post(b, "2"))
	b.ExpectFrame("2")
	a.SendText("still there")
	s.event("message still there")
	heal()
	require.NoError(s.t, s.post(a, "3"))
	a.ExpectFrame("3")
	a.ExpectNone()
}

func checkForbidden(s *stage) {
	c := s.open()
	s.Faults().Add(emulator.Gone(), emulator.Fail(gatesock.ErrForbidden))
	require.ErrorIs(s.t, s.post(c, "1"), gatesock.ErrForbidden)
	s.Faults().Clear(c.ID()) // they are for all
	require.ErrorIs(s.t, s.post(c, "2"), gatesock.ErrForbidden)
	s.Faults().Clear()
	require.NoError(s.t, s.post(c, "3"))
	c.ExpectFrame("3")
}

func checkSlow(s *stage) {
	c := s.open()
	s.Faults().Add(emulator.Slow(2*time.Second), emulator.Slow(time.Second).For(c.ID()))
	done := make(chan error, 1)
	go func() { done <- s.post(c, "slow") }()
	require.Equal(s.t, 2*time.Second, s.fault(emulator.Slow(0)).Delay)
	require.Equal(s.t, time.Second, s.fault(emulator.Slow(0)).Delay)
	s.Advance(3*time.Second - 1)
	c.ExpectNone()
	require.Empty(s.t, done)
	s.Advance(1)
	require.NoError(s.t, <-done)
	c.ExpectFrame("slow")
}

func checkSlowTooLong(s *stage) {
	c := s.open()
	s.Faults().Add(emulator.Slow(time.Hour))
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- s.api.Post(ctx, to(c.ID()), []byte("never")) }()
	s.fault(emulator.Slow(0))
	cancel()
	require.ErrorIs(s.t, <-done, context.Canceled)
	c.ExpectNone()
}

func checkThrottled(s *stage) {
	a, b := s.open(), s.open()
	s.Faults().Add(emulator.Throttled(emulator.Throttle{Rate: 2, Burst: 3}).On(emulator.RouteCalls).For(a.ID()))
	for range 3 {
		require.NoError(s.t, s.post(a, "x"))
		a.ExpectFrame("x")
	}
	require.ErrorIs(s.t, s.post(a, "too many"), gatesock.ErrThrottled)
	require.NoError(s.t, s.post(b, "another's"))
	a.SendText("no call")
	s.event("message no call")
	s.Advance(time.Second / 2)
	require.NoError(s.t, s.post(a, "y"))
	a.ExpectFrame("y")
	require.ErrorIs(s.t, s.post(a, "too many"), gatesock.ErrThrottled)
	s.Faults().Clear(a.ID())
	s.Faults().Add(emulator.Throttled(emulator.Throttle{}).Times(2))
	for range 2 {
		require.ErrorIs(s.t, s.post(b, "too many"), gatesock.ErrThrottled)
	}
	require.NoError(s.t, s.post(b, "z"))
}

func checkThrottledMessages(s *stage) {
	c := s.open()
	s.Faults().Add(emulator.Throttled(emulator.Throttle{}).On("$default").Times(1))
	c.SendText("refused")
	c.ExpectFrame(`{"message": "Too Many Requests", …}`)
	require.NoError(s.t, s.post(c, "a call"))
	c.ExpectFrame("a call")
	c.SendText("fine")
	s.event("message fine")
	s.none()
}

func checkBufferFull(s *stage) {
	c := s.open()
	heal := s.Faults().Add(emulator.BufferFull().For(c.ID()))
	require.ErrorIs(s.t, s.post(c, "1"), gatesock.ErrThrottled)
	c.Request("first", nil) // its answer is dropped
	c.ExpectNone()
	heal()
	c.Request("second", nil).ExpectAck()
	require.NoError(s.t, s.post(c, "2"))
	c.ExpectFrame("2")
}

func checkFailDelivered(s *stage) {
	c := s.open()
	s.Faults().Add(emulator.FailDelivered(gatesock.ErrGone).Times(1), emulator.FailDelivered(errors.New("lost")))
	require.ErrorIs(s.t, s.post(c, "1"), gatesock.ErrGone)
	c.ExpectFrame("1")
	require.Error(s.t, s.post(c, "2"))
	c.ExpectFrame("2")
	c.ExpectNone()
}

func checkHold(s *stage) {
	c := s.open()
	s.Faults().Add(emulator.Hold(time.Second).Times(1), emulator.Hold(time.Hour).On("other"))
	c.SendText("first")
	s.fault(emulator.Hold(0))
	c.SendText("second")
	s.event("message second")
	s.Advance(time.Second - 1)
	s.none()
	s.Advance(1)
	s.event("message first")
	s.none()
}

func checkHoldAfterTheEnd(s *stage) {
	c := s.open()
	s.Faults().Add(emulator.Hold(time.Second))
	c.SendText("first")
	s.fault(emulator.Hold(0))
	c.Close(1000, "")
	s.event("$disconnect 1000")
	s.Advance(time.Second)
	s.event("message first")
}

func checkConcurrent(s *stage) {
	a, b := s.open(), s.open()
	s.Faults().Add(emulator.Hold(time.Second))
	s.meeting.Add(3)
	a.SendText("meet")
	a.SendText("meet")
	b.SendText("meet")
	for range 3 {
		s.fault(emulator.Hold(0))
	}
	s.Advance(time.Second)
	for range 3 {
		s.event("message meet")
	}
}

func checkColdStart(s *stage) {
	c := s.open()
	s.Faults().Add(emulator.ColdStart(3 * time.Second).On("$default").Times(1))
	c.SendText("cold")
	s.fault(emulator.ColdStart(0))
	c.SendText("warm")
	s.event("message warm")
	c.ExpectNone()
	s.none()
	s.Advance(3 * time.Second)
	s.event("message cold")
	s.Faults().Add(emulator.ColdStart(time.Second).On("$connect"))
	done := make(chan *wstest.Client)
	go func() { done <- s.connect() }()
	s.fault(emulator.ColdStart(0))
	require.Empty(s.t, s.events)
	s.Advance(time.Second)
	s.event("$connect")
	(<-done).SendText("hello")
	s.event("message hello")
}

func checkColdStartTimeout(s *stage) {
	c := s.open()
	s.Faults().Add(emulator.ColdStart(30 * time.Second).Times(1))
	c.SendText("cold")
	s.fault(emulator.ColdStart(0))
	s.Advance(29 * time.Second)
	c.ExpectFrame(`{"message": "Endpoint request timed out", …}`)
	s.Advance(time.Second)
	s.event("message cold")
	c.ExpectNone()
}

func checkColdDisconnect(s *stage) {
	c := s.open()
	s.Faults().Add(emulator.ColdStart(time.Second), emulator.RepeatDisconnect(0))
	c.Close(1000, "")
	s.none()
	s.Advance(time.Second)
	s.event("$disconnect 1000")
	s.event("$disconnect 1000")
	s.none()
}

func checkLoseDisconnect(s *stage) {
	a, b := s.open(), s.open()
	s.Faults().Add(emulator.LoseDisconnect().For(a.ID()))
	a.Close(1000, "")
	s.fault(emulator.LoseDisconnect())
	b.Close(1001, "")
	s.event("$disconnect 1001")
	s.Advance(24 * time.Hour)
	s.none()
	require.ErrorIs(s.t, s.post(a, "x"), gatesock.ErrGone)
}

func checkDelayDisconnect(s *stage) {
	c := s.open()
	s.Faults().Add(emulator.DelayDisconnect(5 * time.Minute))
	c.Abort()
	s.fault(emulator.DelayDisconnect(0))
	s.Advance(5*time.Minute - 1)
	s.none()
	require.ErrorIs(s.t, s.post(c, "x"), gatesock.ErrGone)
	s.Advance(1)
	s.event("$disconnect 1006")
	s.none()
}

func checkRepeatDisconnect(s *stage) {
	a, b := s.open(), s.open()
	s.Faults().Add(emulator.RepeatDisconnect(0).For(a.ID()), emulator.RepeatDisconnect(time.Minute).For(b.ID()))
	a.Close(1000, "")
	s.event("$disconnect 1000")
	s.event("$disconnect 1000")
	b.Close(1001, "")
	s.event("$disconnect 1001")
	s.none()
	s.Advance(time.Minute)
	s.event("$disconnect 1001")
	s.none()
}

func checkRepeatLate(s *stage) {
	c := s.open()
	s.Faults().Add(emulator.RepeatDisconnect(time.Minute), emulator.DelayDisconnect(time.Hour))
	c.Close(1000, "")
	s.Advance(time.Hour)
	s.event("$disconnect 1000")
	s.none()
	s.Advance(time.Minute)
	s.event("$disconnect 1000")
}

func checkHalfOpen(s *stage) {
	a, b := s.open(), s.open()
	s.Faults().Add(emulator.HalfOpen(0, 0).For(a.ID()))
	s.fault(emulator.HalfOpen(0, 0))
	require.NoError(s.t, s.post(a, "into the void"))
	a.SendText("into the void")
	a.ExpectNone()
	require.NoError(s.t, s.post(b, "as always"))
	b.ExpectFrame("as always")
	a.Close(1000, "")
	s.none()
	require.NoError(s.t, s.post(a, "still open"))
	require.NoError(s.t, s.Gateway().Disconnect(s.t.Context(), to(a.ID())))
	s.event("$disconnect 1000")
	require.ErrorIs(s.t, s.post(a, "x"), gatesock.ErrGone)
}

func checkHalfOpenIdle(s *stage) {
	c := s.open()
	s.Faults().Add(emulator.HalfOpen(time.Minute, 0).For(c.ID()))
	s.Advance(time.Minute - 1)
	require.NoError(s.t, s.post(c, "before"))
	c.ExpectFrame("before")
	s.Advance(1)
	s.fault(emulator.HalfOpen(0, 0))
	require.NoError(s.t, s.post(c, "traffic"))
	s.Advance(10*time.Minute - 1)
	c.Abort()
	s.none()
	s.Advance(1)
	s.event("$disconnect 1001")
}

func checkHalfOpenNoticed(s *stage) {
	c := s.open()
	s.Faults().Add(emulator.HalfOpen(time.Minute, time.Minute))
	s.Advance(2*time.Minute - 1)
	s.none()
	s.Advance(1)
	s.event("$disconnect 1006")
	require.ErrorIs(s.t, s.post(c, "x"), gatesock.ErrGone)
	late := s.open()
	s.Faults().Clear()
	s.Advance(2 * time.Minute)
	require.NoError(s.t, s.post(late, "not half-open any more"))
	late.ExpectFrame("not half-open any more")
}

func checkRestart(s *stage) {
	a, b := s.open(), s.open()
	s.Faults().Add(emulator.Restart(0))() // once, for all that are open
	a.ExpectClosed(1012)
	b.ExpectClosed(1012)
	s.event("$disconnect 1012")
	s.event("$disconnect 1012")
	c := s.open()
	c.SendText("hello")
	s.event("message hello")
}

func checkRestartLater(s *stage) {
	s.Faults().Add(emulator.Restart(time.Minute).Times(1))
	a, b := s.open(), s.open()
	s.Advance(time.Minute)
	a.ExpectClosed(1012)
	s.event("$disconnect 1012")
	b.ExpectNone()
}

func checkConnectQuota(s *stage) {
	s.Faults().Add(emulator.Throttled(emulator.Throttle{Rate: 1, Burst: 2}).On("$connect"))
	for range 2 {
		s.open()
	}
	require.Equal(s.t, http.StatusTooManyRequests, s.refused())
	c := func() *wstest.Client {
		s.Advance(time.Second)
		return s.open()
	}()
	for range 5 {
		require.NoError(s.t, s.post(c, "x"))
		c.ExpectFrame("x")
	}
}

func checkRequestQuota(s *stage) {
	s.Faults().Add(emulator.Throttled(emulator.Throttle{Rate: 1, Burst: 3}))
	c := s.open()
	require.NoError(s.t, s.post(c, "x"))
	c.ExpectFrame("x")
	c.SendText("hello")
	s.event("message hello")
	require.ErrorIs(s.t, s.post(c, "y"), gatesock.ErrThrottled)
	c.SendText("hello")
	c.ExpectFrame(`{"message": "Too Many Requests", …}`)
	require.Equal(s.t, http.StatusTooManyRequests, s.refused())
	s.Advance(time.Second)
	require.NoError(s.t, s.post(c, "z"))
	c.ExpectFrame("z")
}

func checkDropped(s *stage) {
	a, b := s.open(), s.open()
	s.Faults().Add(emulator.Hold(time.Hour).For(a.ID()), emulator.DelayDisconnect(time.Hour),
		emulator.ColdStart(time.Hour).For(b.ID()).On("$default"), emulator.HalfOpen(time.Hour, 0))
	a.SendText("held")
	b.SendText("cold")
	for range 2 {
		<-s.faults
	}
	a.Close(1000, "")
	s.Close()
	s.event("message cold")
	require.Empty(s.t, s.events)
}
