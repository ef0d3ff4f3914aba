package asynctest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
)

func checks() []check {
	return []check{
		{"a job is claimed once", claimedOnce},
		{"of many claims at once one gets the job", claimRace},
		{"a claim may be repeated", claimRepeated},
		{"a claim that is over by the clock gives way", claimOver},
		{"a released job is claimed again", claimReleased},
		{"an outcome comes back whole, in another process too", outcomeWhole},
		{"a frame of the largest size comes back", outcomeLarge},
		{"the last outcome counts", outcomeLast},
		{"a settled job is not claimed", outcomeSettled},
		{"a claim that lost the job cannot record", recordLost},
		{"a claim that is over may record if no other followed", recordLate},
		{"a release by another claim does nothing", releaseLost},
		{"an outcome outlasts its claim and a day", outcomeKept},
		{"a claim lasts as long as it should", claimLong},
		{"jobs are apart", jobsApart},
		{"what the caller changes later is not changed in the store", outcomeCopied},
		{"an ended context ends a call", cancelled},
	}
}

const id = "KqNqzfAoIAMCJWA=/KqNqxcKpIAMCJWA="

func someFrame() []byte { return []byte(`{"event":"report","id":"ü\n","data":{"sum":1}}`) }

func claimedOnce(ctx context.Context, s stores) error {
	return steps(
		func() error { return s.claim(ctx, s.a, id, "one", async.Outcome{}) },
		func() error { return s.claimed(ctx, s.a, id, "two") },
		func() error { return s.claimed(ctx, s.b, id, "three") },
		func() error { s.clock.Advance(lease - time.Millisecond); return nil },
		func() error { return s.claimed(ctx, s.b, id, "two") },
	)
}

func claimRace(ctx context.Context, s stores) error {
	for i := range 5 {
		job := fmt.Sprint(id, i)
		n, err := atOnce(16, async.ErrClaimed, func(n int) error {
			store := []async.Outcomes{s.a, s.b}[n%2]
			_, err := store.Claim(ctx, job, async.Claim{Token: fmt.Sprint("t", n), Until: s.clock.Now().Add(lease)})
			return err
		})
		if err != nil || n != 1 {
			return fmt.Errorf("of 16 claims at once %d got the job: %w", n, err)
		}
	}
	return nil
}

// claimRepeated is what a client of a service does if an answer was lost.
func claimRepeated(ctx context.Context, s stores) error {
	return steps(
		func() error { return s.claim(ctx, s.a, id, "one", async.Outcome{}) },
		func() error { s.clock.Advance(lease / 2); return nil },
		func() error { return s.claim(ctx, s.b, id, "one", async.Outcome{}) },
		func() error { s.clock.Advance(lease * 3 / 4); return nil },
		func() error { return s.claimed(ctx, s.a, id, "two") },
		func() error { return record(ctx, s.a, id, "one", async.Outcome{Frame: someFrame()}) },
		func() error { return record(ctx, s.a, id, "one", async.Outcome{Frame: someFrame()}) },
		func() error { return s.claim(ctx, s.b, id, "one", async.Outcome{Frame: someFrame()}) },
		func() error { return release(ctx, s.b, id, "one") },
		func() error { return release(ctx, s.b, id, "one") },
	)
}

func claimOver(ctx context.Context, s stores) error {
	return steps(
		func() error { return s.claim(ctx, s.a, id, "one", async.Outcome{}) },
		func() error { s.clock.Advance(lease); return nil },
		func() error { return s.claim(ctx, s.b, id, "two", async.Outcome{}) },
		func() error { return s.claimed(ctx, s.a, id, "one") },
		func() error { return s.claimed(ctx, s.a, id, "three") },
	)
}

func claimReleased(ctx context.Context, s stores) error {
	return steps(
		func() error { return s.claim(ctx, s.a, id, "one", async.Outcome{}) },
		func() error { return release(ctx, s.b, id, "one") },
		func() error { return lost(ctx, s.a, id, "one") },
		func() error { return s.claim(ctx, s.b, id, "two", async.Outcome{}) },
		func() error { return record(ctx, s.b, id, "two", async.Outcome{Frame: someFrame(), Dead: true}) },
		func() error { return s.claimed(ctx, s.a, id, "three") },
		func() error { return release(ctx, s.b, id, "two") },
		func() error { return s.claim(ctx, s.a, id, "three", async.Outcome{Frame: someFrame(), Dead: true}) },
	)
}

func outcomeWhole(ctx context.Context, s stores) error {
	for i, want := range []async.Outcome{
		{Frame: someFrame()},
		{Frame: someFrame(), Dead: true},
		{Settled: true},
		{Settled: true, Dead: true},
	} {
		job := fmt.Sprint(id, i)
		err := steps(
			func() error { return s.claim(ctx, s.a, job, "one", async.Outcome{}) },
			func() error { return record(ctx, s.a, job, "one", want) },
			func() error { return release(ctx, s.a, job, "one") },
			func() error { return s.claim(ctx, s.b, job, "two", want) },
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func outcomeLarge(ctx context.Context, s stores) error {
	large := async.Outcome{Frame: bytes.Repeat([]byte("ü\""), gatesock.MaxMessageSize/3)}
	return steps(
		func() error { return s.claim(ctx, s.a, id, "one", async.Outcome{}) },
		func() error { return record(ctx, s.a, id, "one", large) },
		func() error { return s.claim(ctx, s.b, id, "one", large) },
	)
}

func outcomeLast(ctx context.Context, s stores) error {
	return steps(
		func() error { return s.claim(ctx, s.a, id, "one", async.Outcome{}) },
		func() error { return record(ctx, s.a, id, "one", async.Outcome{Frame: someFrame(), Dead: true}) },
		func() error { return record(ctx, s.a, id, "one", async.Outcome{Frame: []byte("{}")}) },
		func() error { return s.claim(ctx, s.b, id, "one", async.Outcome{Frame: []byte("{}")}) },
		func() error { return record(ctx, s.b, id, "one", async.Outcome{Settled: true}) },
		func() error { return s.claim(ctx, s.a, id, "two", async.Outcome{Settled: true}) },
	)
}

// outcomeSettled has the claim that settled the job unreleased.
func outcomeSettled(ctx context.Context, s stores) error {
	settled := async.Outcome{Settled: true, Dead: true}
	return steps(
		func() error { return s.claim(ctx, s.a, id, "one", async.Outcome{}) },
		func() error { return record(ctx, s.a, id, "one", settled) },
		func() error { return s.claim(ctx, s.b, id, "two", settled) },
		func() error { return s.claim(ctx, s.a, id, "three", settled) },
		func() error { s.clock.Advance(2 * lease); return nil },
		func() error { return s.claim(ctx, s.b, id, "four", settled) },
	)
}

func recordLost(ctx context.Context, s stores) error {
	return steps(
		func() error { return lost(ctx, s.a, id, "none") },
		func() error { return s.claim(ctx, s.a, id, "one", async.Outcome{}) },
		func() error { return lost(ctx, s.b, id, "two") },
		func() error { s.clock.Advance(lease); return nil },
		func() error { return s.claim(ctx, s.b, id, "two", async.Outcome{}) },
		func() error { return lost(ctx, s.a, id, "one") },
		func() error { return record(ctx, s.b, id, "two", async.Outcome{Frame: someFrame()}) },
		func() error { return lost(ctx, s.a, id, "one") },
		func() error { return release(ctx, s.b, id, "two") },
		func() error { return lost(ctx, s.b, id, "two") },
		func() error { return s.claim(ctx, s.a, id, "three", async.Outcome{Frame: someFrame()}) },
	)
}

func recordLate(ctx context.Context, s stores) error {
	return steps(
		func() error { return s.claim(ctx, s.a, id, "one", async.Outcome{}) },
		func() error { s.clock.Advance(2 * lease); return nil },
		func() error { return record(ctx, s.a, id, "one", async.Outcome{Frame: someFrame()}) },
		func() error { return s.claim(ctx, s.b, id, "two", async.Outcome{Frame: someFrame()}) },
	)
}

func releaseLost(ctx context.Context, s stores) error {
	return steps(
		func() error { return release(ctx, s.a, id, "none") },
		func() error { return s.claim(ctx, s.a, id, "one", async.Outcome{}) },
		func() error { return release(ctx, s.b, id, "two") },
		func() error { return s.claimed(ctx, s.b, id, "two") },
		func() error { s.clock.Advance(lease); return nil },
		func() error { return s.claim(ctx, s.b, id, "two", async.Outcome{}) },
		func() error { return release(ctx, s.a, id, "one") },
		func() error { return s.claimed(ctx, s.a, id, "three") },
		func() error { return record(ctx, s.b, id, "two", async.Outcome{Frame: someFrame()}) },
	)
}

// outcomeKept claims other jobs meanwhile, since a store may make room then.
func outcomeKept(ctx context.Context, s stores) error {
	waits := async.Outcome{Frame: someFrame()}
	err := steps(
		func() error { return s.claim(ctx, s.a, id, "one", async.Outcome{}) },
		func() error { return record(ctx, s.a, id, "one", waits) },
		func() error { return s.claim(ctx, s.a, id+"s", "one", async.Outcome{}) },
		func() error { return record(ctx, s.a, id+"s", "one", async.Outcome{Settled: true}) },
	)
	for i := range 24 {
		s.clock.Advance(async.Keep / 24)
		err = errors.Join(err, s.claim(ctx, s.b, fmt.Sprint(id, i), "one", async.Outcome{}))
	}
	return errors.Join(err,
		s.claim(ctx, s.a, id, "two", waits), s.claim(ctx, s.b, id+"s", "two", async.Outcome{Settled: true}))
}

// claimLong is a claim of the longest time for which a Lambda function runs, and of one that is
// longer than a store keeps outcomes.
func claimLong(ctx context.Context, s stores) error {
	for _, long := range []time.Duration{15 * time.Minute, async.Keep + 12*time.Hour} {
		job := fmt.Sprint(id, long)
		if _, err := s.a.Claim(ctx, job, async.Claim{Token: "one", Until: s.clock.Now().Add(long)}); err != nil {
			return err
		}
		s.clock.Advance(long - time.Second)
		err := errors.Join(
			s.claimed(ctx, s.b, job, "two"),
			record(ctx, s.a, job, "one", async.Outcome{Frame: someFrame()}),
			release(ctx, s.a, job, "one"),
			s.claim(ctx, s.b, job, "three", async.Outcome{Frame: someFrame()}),
		)
		if err != nil {
			return fmt.Errorf("a claim for %v: %w", long, err)
		}
	}
	return nil
}

func jobsApart(ctx context.Context, s stores) error {
	ids := []string{
		id, id + "x", strings.ToLower(id), "a/b", "a#b", "日本\n", strings.Repeat("n", 511) + "1", strings.Repeat("n", 511) + "2",
	}
	for i, job := range ids {
		err := errors.Join(
			s.claim(ctx, s.a, job, "one", async.Outcome{}),
			record(ctx, s.a, job, "one", async.Outcome{Frame: []byte(fmt.Sprint(i))}))
		if err != nil {
			return err
		}
	}
	for i, job := range ids {
		if err := s.claim(ctx, s.b, job, "one", async.Outcome{Frame: []byte(fmt.Sprint(i))}); err != nil {
			return err
		}
	}
	return nil
}

func outcomeCopied(ctx context.Context, s stores) error {
	o := async.Outcome{Frame: someFrame()}
	if err := errors.Join(s.claim(ctx, s.a, id, "one", async.Outcome{}), record(ctx, s.a, id, "one", o)); err != nil {
		return err
	}
	o.Frame[0] = 'x'
	got, err := s.a.Claim(ctx, id, async.Claim{Token: "one", Until: s.clock.Now().Add(lease)})
	if err != nil || len(got.Frame) == 0 {
		return fmt.Errorf("the frame is lost: %w", err)
	}
	first := same("the outcome", got, async.Outcome{Frame: someFrame()})
	got.Frame[0] = 'y'
	return errors.Join(first, s.claim(ctx, s.a, id, "one", async.Outcome{Frame: someFrame()}))
}

func cancelled(ctx context.Context, s stores) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err := s.a.Claim(ended, id, async.Claim{Token: "one", Until: s.clock.Now().Add(lease)})
	return steps(
		func() error { return isError("Claim", err, context.Canceled) },
		func() error { return s.claim(ctx, s.b, id, "two", async.Outcome{}) },
		func() error {
			return isError("Record", s.a.Record(ended, id, "two", async.Outcome{Settled: true}), context.Canceled)
		},
		func() error { return isError("Release", s.a.Release(ended, id, "two"), context.Canceled) },
		func() error { return s.claimed(ctx, s.b, id, "three") },
		func() error { return s.claim(ctx, s.b, id, "two", async.Outcome{}) },
	)
}
