// Package dynamo keeps what an application remembers in one DynamoDB table, which all instances of
// a Lambda function share.
//
//	cfg, err := config.LoadDefaultConfig(ctx)
//	...
//	db := dynamo.Open(dynamodb.NewFromConfig(cfg), os.Getenv("TABLE"))
//
//	r := gatesock.New()
//	r.Use(gatesock.Recover(), conn.Track(db.Connections()))
//
// These are its stores:
//
//	[DB.Connections]    open connections and their groups, for package conn
//	[DB.APIKeys]        API keys, for package authz/apikey
//	[DB.Tickets]        one-time tickets, for package authz
//	[DB.Renewals]       renewed credentials, for package authz
//	[DB.Buckets]        token buckets and quotas, for package ratelimit
//	[DB.Plans]          plans, for package ratelimit/plan
//	[DB.Usage]          usage records, for package ratelimit/metering
//	[DB.Outcomes]       what became of jobs, for package async
//	[DB.Topics]         events, values and presence of topics, for package topic
//	[DB.Fragments]      messages that arrive in fragments, for package fragment
//
// [DB.CreateTable] makes the table. The file template.json in this package's folder declares the
// same table for CloudFormation and SAM. The binary of a function has only the code of the stores
// that it uses.
//
// Package [github.com/gatesock/gatesock/dynamo/sweep] removes connections whose $disconnect event
// never arrived.
//
// # Permissions
//
// The role of the function needs these IAM actions on the table:
//
//	[DB.Connections]    dynamodb:GetItem, BatchGetItem, PutItem, UpdateItem, DeleteItem, Query
//	[DB.APIKeys]        dynamodb:GetItem, UpdateItem; to manage keys PutItem, DeleteItem, Query
//	[DB.Tickets]        dynamodb:PutItem, DeleteItem
//	[DB.Renewals]       dynamodb:GetItem, PutItem
//	[DB.Buckets]        dynamodb:UpdateItem, GetItem
//	[DB.Plans]          dynamodb:GetItem; to manage plans PutItem, DeleteItem, Query
//	[DB.Usage]          dynamodb:UpdateItem; to read a day Query
//	[DB.Outcomes]       dynamodb:UpdateItem
//	[DB.Topics]         dynamodb:GetItem, BatchGetItem, PutItem, Query; UpdateItem and DeleteItem for
//	                    state topics and presence, UpdateItem for topic.WithMark
//	[DB.Fragments]      dynamodb:GetItem, PutItem, Query, UpdateItem
//	package sweep       dynamodb:Scan, UpdateItem, DeleteItem
//	[DB.CreateTable]    dynamodb:CreateTable, DescribeTable, DescribeTimeToLive, UpdateTimeToLive
//
// [Connections.Records], for tools of operators, needs dynamodb:Scan. [DB.Topics] writes some items
// in transactions, for which DynamoDB asks for the rights of their items: dynamodb:PutItem (Amazon
// DynamoDB Developer Guide, "Using IAM with DynamoDB transactions"). The items that a caller adds
// with [Topics.PublishTx] may need others, such as dynamodb:ConditionCheckItem.
//
// # Cost
//
// DynamoDB charges for write units, of up to 1 KB, and read units, of up to 4 KB. In [Connections],
// Put costs 1 write unit and 1 for each group, including the group of the user. Join and Leave cost
// 2, SetAttributes 1, and Delete and Extend the same as Put. Get costs 1 read unit, GetMany 1 for
// each record, and reading a group about 1 for 80 members. A record above 1 KB costs a write unit
// more for each further KB. docs/costs.md has all figures, and their prices in dollars; tests
// check them. The other stores document their cost.
//
// # Consistency of the registry
//
// Reads of the registry are strongly consistent. There is no secondary index, since an index cannot
// be read that way (Amazon DynamoDB Developer Guide, "DynamoDB read consistency").
//
// The record of a connection is one item. It decides which groups the connection is in, and has a
// version for each. A membership is a second item, in the group's partition, with the same version;
// reading a group finds these. Both are written under conditions, so that calls of any processes
// have the same result as if they were made one after the other. A call whose answer is lost is
// repeated, and may take effect twice: see [Connections.Put] and [Connections.SetAttributes].
//
// If a process dies between the two writes, only one of them is made. Repeating the call completes
// it. Otherwise the record may name a group that does not list the connection, until the connection
// is deleted; or a group may list a connection that is not a member, until the membership expires
// with its record, or a broadcast finds the connection gone.
//
// Malformed items in a group are ignored and overwritten.
//
// # Large groups
//
// A partition takes 1,000 write units a second (Amazon DynamoDB Developer Guide, "Best practices
// for designing and using partition keys effectively"). If more connections join and leave a group
// in a second, spread it over several partitions: see [WithSharding].
package dynamo
