package dynamoconn_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/dynamoconn"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

// page stands for a test where there is none.
type page struct{ testing.TB }

func (page) Helper()           {}
func (page) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// testStore gives a Store in the table of the tests.
func testStore(opts ...dynamoconn.Option) *dynamoconn.Store {
	opts = append(opts, dynamoconn.WithNamespace(dynamotest.Namespace(page{})))
	store, err := dynamoconn.New(dynamotest.Client(page{}), dynamotest.Table(page{}), opts...)
	if err != nil {
		panic(err)
	}
	return store
}

func Example() {
	store := testStore() // or dynamoconn.New(dynamodb.NewFromConfig(cfg), os.Getenv("TABLE"))
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
	store := testStore(dynamoconn.WithShards(func(group string) dynamoconn.Sharding {
		if group == conn.Everyone {
			return dynamoconn.Sharding{Write: 8}
		}
		return dynamoconn.Sharding{}
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
