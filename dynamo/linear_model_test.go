package dynamo_test

import (
	"slices"

	"github.com/anishathalye/porcupine"
)

// Histories of one connection and one group are checked with porcupine. The interleavings cover
// all orders of few requests; here calls run at their own pace, there are more of them, and all
// that they have read counts. There are two views, the groups in the record and the members of the
// group: a membership is two items, and no promise is made that both change at one moment.

// linearKind is a call of a history, or a reading.
type linearKind int

const (
	linearPut linearKind = iota
	linearJoin
	linearLeave
	linearSet
	linearDelete
	linearExtend
	linearGet
	linearRead
)

// linearIn is a call. A ghost may or may not have happened: it stands for an attempt whose answer
// was lost, beside the attempt that was answered.
type linearIn struct {
	kind  linearKind
	value string // of linearSet
	ghost bool
}

// linearOut is what was answered, and what of the connection was seen.
type linearOut struct {
	found  bool // not conn.ErrNotFound
	unsure bool // an error that leaves open what was done
	member bool
	value  string
}

// linearState is a connection. Of the group's view, member is all.
type linearState struct {
	there, member bool
	value         string
}

// recordModel is the record's view.
func recordModel() porcupine.Model {
	return linearModel(func(s linearState, in linearIn, out linearOut) []linearState {
		next := s
		saw := s.there == out.found
		switch in.kind {
		case linearPut:
			return []linearState{{there: true}}
		case linearJoin:
			next.member = s.there
		case linearLeave:
			next.member, saw = false, true
		case linearSet:
			if next.value = in.value; !s.there {
				next = s
			}
			saw = saw && (!out.found || out.value == in.value && out.member == s.member)
		case linearDelete:
			next = linearState{}
			saw = saw && (!out.found || out.value == s.value && out.member == s.member)
		case linearGet, linearExtend:
			saw = saw && (!out.found || out.value == s.value && out.member == s.member)
		case linearRead:
			return []linearState{s} // of the other view
		}
		return linearNext(s, next, saw, in, out)
	})
}

// groupModel is the group's view.
func groupModel() porcupine.Model {
	return linearModel(func(s linearState, in linearIn, out linearOut) []linearState {
		next, saw := s, true
		switch in.kind {
		case linearJoin:
			next.member = s.member || out.found || in.ghost
		case linearLeave:
			next.member = false
		case linearDelete:
			// It ends what the record names. A membership that another call is about to end may be listed
			// until that returns.
			if out.found && out.member || out.unsure || in.ghost {
				next.member = false
			}
		case linearRead:
			saw = out.member == s.member
		case linearPut, linearSet, linearGet, linearExtend: // which changes no membership
		}
		return linearNext(s, next, saw, in, out)
	})
}

func linearNext(s, next linearState, saw bool, in linearIn, out linearOut) []linearState {
	switch {
	case in.ghost || out.unsure:
		return []linearState{s, next}
	case saw:
		return []linearState{next}
	default:
		return nil
	}
}

func linearModel(step func(linearState, linearIn, linearOut) []linearState) porcupine.Model {
	model := porcupine.NondeterministicModel{
		Init: func() []any { return []any{linearState{}} },
		Step: func(state, in, out any) (next []any) {
			for _, s := range step(state.(linearState), in.(linearIn), out.(linearOut)) {
				next = append(next, s)
			}
			return next
		},
	}
	return model.ToModel()
}

// linearizable reports whether a history can be explained in both views. Each is checked without
// the calls that it does not know, since the time that it takes grows fast with them.
func linearizable(history []porcupine.Operation) bool {
	return porcupine.CheckOperations(recordModel(), view(history, linearRead)) &&
		porcupine.CheckOperations(groupModel(), view(history, linearPut, linearSet, linearGet, linearExtend))
}

func view(history []porcupine.Operation, without ...linearKind) []porcupine.Operation {
	return slices.DeleteFunc(slices.Clone(history), func(op porcupine.Operation) bool {
		return slices.Contains(without, op.Input.(linearIn).kind)
	})
}
