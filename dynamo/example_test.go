package dynamo_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

// page stands for a test where there is none.
type page struct{ testing.TB }

func (page) Helper()           {}
func (page) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// testStore gives a Store in the table of the tests.
func testStore(opts ...dynamo.Option) *dynamo.Connections {
	opts = append(opts, dynamo.WithNamespace(dynamotest.Namespace(page{})))
	store := dynamo.Open(dynamotest.Client(page{}), dynamotest.Table(page{}), opts...).Connections()
	return store
}

func Example() {
	store := testStore() // or dynamo.Open(dynamodb.NewFromConfig(cfg), os.Getenv("TABLE")).Connections()
	ctx := context.Background()

	for _, c := range []conn.Conn{
		{ID: "W9In0cvXIAMCFvw=", User: "ann", Attributes: map[string]string{"tenant": "t1"}},
		{ID: "W9In1dPTIAMCE3g=", User: "bob"},
	} {
		if err := store.Put(ctx, c); err != nil {
			fmt.Println(err)
			return
		}
		if err := store.Join(ctx, c.ID, "room:1"); err != nil {
			fmt.Println(err)
			return
		}
	}
	for m, err := range conn.Members(ctx, store, "room:1") {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(m.ID)
	}
	ann, err := store.Delete(ctx, "W9In0cvXIAMCFvw=")
	fmt.Println(ann.User, "was in", strings.Join(ann.Groups, " and "), err)
	// Output:
	// W9In0cvXIAMCFvw=
	// W9In1dPTIAMCE3g=
	// ann was in room:1 and user:ann <nil>
}

// One group is too busy for one partition: everyone joins it.
func ExampleWithShards() {
	store := testStore(dynamo.WithSharding(func(group string) dynamo.Sharding {
		if group == conn.Everyone {
			return dynamo.Sharding{Write: 8}
		}
		return dynamo.Sharding{}
	}))
	ctx := context.Background()
	for _, group := range []string{conn.Everyone, "room:1"} {
		n, err := store.Shards(ctx, group)
		fmt.Println(group, n, err)
	}
	// Output:
	// everyone 8 <nil>
	// room:1 1 <nil>
}
