// Package dynamoconn keeps who is connected, and in which groups, in one DynamoDB table: the [conn.Store] for
// Lambda, where every instance must see the same.
//
//	cfg, err := config.LoadDefaultConfig(ctx)
//	…
//	store, err := dynamo.New(dynamodb.NewFromConfig(cfg), os.Getenv("TABLE"))
//	…
//	r := gatesock.New()
//	r.Use(conn.Track(store))
//
// [CreateTable] makes the table; template.json in this package's folder is the same for CloudFormation and SAM. The
// function's role needs dynamodb:GetItem, BatchGetItem, PutItem, UpdateItem, DeleteItem and Query on it, and Scan for a [Sweeper].
//
// # Consistency
//
// Reads are strongly consistent, and there is no secondary index, since an index cannot be read so (Amazon DynamoDB
// Developer Guide, "DynamoDB read consistency"). A record of a connection is one item and decides: it holds the
// groups of the connection, each with a version. A membership is a second item, in the group's partition, with the
// same version; it is what a reading of the group finds. Both are written under conditions, so calls of any
// processes, at the same time and in any order of their writes, come out as if made one after the other. A call
// whose answer was lost on the way is made again, so that it may take effect twice: see [Store.Put] and
// [Store.SetAttributes].
//
// A process that dies between the two writes leaves one of them undone. Calling again completes it. Else a record that
// names a group too many lasts until the connection is deleted; a membership too many is not returned any more
// from its expiry, which is that of the record, or from the first broadcast that finds the connection gone.
//
// Items that somebody else has written into a group are no members, and give way to those of the store.
//
// # Cost
//
// A Put costs 1 write unit and 1 for each group, that of the user among them; Join and Leave 2; SetAttributes 1; Delete and
// Extend what Put costs, and no read. A Get is 1 read unit, GetMany 1 for each record, a reading of a group about 1 for 80 members. docs/costs.md has the figures,
// which tests hold, and what they are in money. A record above 1 KB costs a unit more for each further KB.
//
// # Large groups
//
// A partition takes 1,000 write units a second (Amazon DynamoDB Developer Guide, "Best practices for designing and using
// partition keys effectively"), so a group that more than that join and leave in a second has to be in several parts;
// see [WithShards].
package dynamo
