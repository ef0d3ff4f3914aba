package observing

import "context"

// Calls is told of the calls of stores and of the gateway during one invocation, and may refuse
// them. Package wstest has one, with which a test ends a process at a call, and counts what calls
// cost. Its methods are safe for concurrent use.
type Calls interface {
	// BeginCall is called before a call. With an error the call is not made, and fails with that
	// error. Otherwise the function is called once when the call has ended, with what it has cost.
	BeginCall(ctx context.Context, c Call) (ended func(Units), err error)
	// Metering reports whether somebody wants to know what calls cost. A store that can tell does so
	// only then, since it may take more requests.
	Metering() bool
	// Over reports whether the process has ended as far as the test is concerned: nobody hears what it
	// says any more.
	Over() bool
}

// Call is a call of a store or of the gateway.
type Call struct {
	// Name is that of the operation, such as "conn.Join", or "PutItem" of a table.
	Name string
	// About says what the call is about, such as "a topic's entry"; it may be empty.
	About string
}

// Units are what a call of a store has cost, in the units of DynamoDB.
type Units struct {
	Write, Read float64
	// Known reports whether the store has units at all.
	Known bool
}

// Plus returns the sum of two costs. It is known if one of them is.
func (u Units) Plus(v Units) Units {
	return Units{u.Write + v.Write, u.Read + v.Read, u.Known || v.Known}
}

// CallsKey is the key of the [Calls] in a context.
type CallsKey struct{}

// CallsOf returns the [Calls] of a context, or nil.
func CallsOf(ctx context.Context) Calls {
	c, _ := ctx.Value(CallsKey{}).(Calls)
	return c
}

// Over reports whether the [Calls] of a context, if there is one, say that the process has ended.
func Over(ctx context.Context) bool {
	c := CallsOf(ctx)
	return c != nil && c.Over()
}

// BeginCall calls the [Calls] of a context, if there is one, for a call of a store in memory. With
// an error the store must do nothing and return it. Otherwise it calls the function when the call
// has ended and holds no lock.
func BeginCall(ctx context.Context, name string) (ended func(), err error) {
	c := CallsOf(ctx)
	if c == nil {
		return nothing, nil
	}
	done, err := c.BeginCall(ctx, Call{Name: name})
	if err != nil {
		return nothing, err
	}
	return func() { done(Units{}) }, nil
}

func nothing() {}
