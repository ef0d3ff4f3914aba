package dynamo_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

// page stands for a test in an example, which has none.
type page struct{ testing.TB }

func (page) Helper()           {}
func (page) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// openTable is, in a program, dynamo.Open(dynamodb.NewFromConfig(cfg), os.Getenv("TABLE"),
// opts...).
func openTable(opts ...dynamo.Option) *dynamo.DB {
	opts = append([]dynamo.Option{dynamo.WithNamespace(dynamotest.Namespace(page{}))}, opts...)
	return dynamo.Open(dynamotest.Client(page{}), dynamotest.Table(page{}), opts...)
}

// The registry of connections: two users enter a room, and one of them leaves.
func Example_trackConnectionsAndGroups() {
	store := openTable().Connections()
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

// A program that may be the first to use a table, such as a test, creates it. Calling CreateTable
// again changes nothing.
func ExampleDB_CreateTable_whenAProgramStarts() {
	db := dynamo.Open(dynamotest.Local(page{}), "chat-"+dynamotest.Namespace(page{}))
	ctx := context.Background()
	fmt.Println(db.CreateTable(ctx))
	fmt.Println(db.CreateTable(ctx))
	fmt.Println(db.Connections().Put(ctx, conn.Conn{ID: "W9In0cvXIAMCFvw="}))
	// Output:
	// <nil>
	// <nil>
	// <nil>
}

// Two stages of an API share a table, and neither sees the other's connections.
func ExampleWithNamespace_shareATableBetweenStages() {
	client, table, ctx := dynamotest.Client(page{}), dynamotest.Table(page{}), context.Background()
	run := dynamotest.Namespace(page{}) // "" in a program
	test := dynamo.Open(client, table, dynamo.WithNamespace(run+"-test")).Connections()
	prod := dynamo.Open(client, table, dynamo.WithNamespace(run+"-prod")).Connections()

	fmt.Println(test.Put(ctx, conn.Conn{ID: "W9In0cvXIAMCFvw="}))
	_, err := prod.Get(ctx, "W9In0cvXIAMCFvw=")
	fmt.Println(err)
	// Output:
	// <nil>
	// conn: connection "W9In0cvXIAMCFvw=" not found
}

// One group is too busy for one partition: everyone joins it.
func ExampleWithSharding_spreadALargeGroup() {
	store := openTable(dynamo.WithSharding(func(group string) dynamo.Sharding {
		if group == conn.Everyone {
			return dynamo.Sharding{Write: 8}
		}
		return dynamo.Sharding{}
	})).Connections()
	ctx := context.Background()
	for _, group := range []string{conn.Everyone, "room:1"} {
		n, err := store.Shards(ctx, group)
		fmt.Println(group, n, err)
	}
	// Output:
	// everyone 8 <nil>
	// room:1 1 <nil>
}

// A function sees the end of every connection, with its user and its groups.
func ExampleWithEnded_announceWhoLeft() {
	store := openTable(dynamo.WithEnded(func(_ context.Context, c conn.Conn, cause conn.EndCause) {
		fmt.Println(c.User, "left", c.Groups, "cause:", cause)
	})).Connections()
	ctx := context.Background()
	fmt.Println(store.Put(ctx, conn.Conn{ID: "W9In0cvXIAMCFvw=", User: "ann", ConnectedAt: time.Now()}))
	_, err := store.Delete(ctx, "W9In0cvXIAMCFvw=")
	fmt.Println(err)
	// Output:
	// <nil>
	// ann left [user:ann] cause: deleted
	// <nil>
}
