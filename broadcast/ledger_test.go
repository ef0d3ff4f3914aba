package broadcast

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

var errOther = errors.New("other")

func TestLedger(t *testing.T) {
	t.Parallel()
	var l ledger
	l.add(6)
	for _, attempts := range []int{1, 2, 3} {
		l.started(task{attempts: attempts})
	}
	l.started(task{kind: remove, attempts: 2})
	back := task{attempts: 2}
	l.takeBack(&back)
	require.Equal(t, 1, back.attempts)
	l.takeBack(&back)
	require.Zero(t, back.attempts)

	require.Equal(t, PostError{"a", 3, errOther}, l.fail(task{member: named("a").member, attempts: 3}, errOther))
	far := named("b").member
	require.False(t, l.skip(task{member: far}))
	l.forbid("", errOther)
	require.True(t, l.skip(task{member: far}))
	far.Endpoint = deleted
	require.False(t, l.skip(task{member: far}))

	require.Equal(t, 0, l.giveUp(task{member: named("c").member, suspect: true}))
	require.Equal(t, 1, l.giveUp(task{member: named("d").member}))
	require.Equal(t, []task{{member: named("d").member}}, l.takeUnreached())
	require.Equal(t, 1, l.giveUp(task{member: named("e").member}))
	require.Len(t, l.undelivered, 2)

	kept, errs := l.handOff([]handedPart{
		{remaining: remaining{members: []unserved{named("e"), named("f")}}, job: Job{ID: "1"}},
		{remaining: remaining{members: []unserved{named("c")}}, job: Job{ID: "2"}, err: errOther},
	})
	require.Equal(t, []error{errOther}, errs)
	require.Equal(t, remaining{members: []unserved{named("c")}}, kept)
	rep := l.close(kept)
	require.Equal(t, Report{
		HandedOff: []string{"1"}, Cursor: kept.cursor(), Audience: 4, Failed: 2, Unsent: 1, Retries: 1,
		Errors: []PostError{{"a", 3, errOther}, {"b", 0, errOther}},
	}, rep)
}

func TestLedgerKeepsSomeErrors(t *testing.T) {
	t.Parallel()
	var l ledger
	for i := range maxReportErrors + 5 {
		_ = l.fail(task{member: named(name(i)).member}, errOther)
	}
	rep := l.close(remaining{})
	require.Equal(t, maxReportErrors+5, rep.Failed)
	require.Len(t, rep.Errors, maxReportErrors)
	require.Equal(t, name(maxReportErrors-1), rep.Errors[maxReportErrors-1].ConnectionID)
}
