// Package dynamotable holds the shape of the table that all dynamo* packages share, so that one table serves an
// application: the names of its key attributes, and one definition from which code makes it and templates
// declare it.
//
//	err := dynamotable.Create(ctx, client, "chat")       // in tests, tools and the first start of a program
//	template.Resources["Table"] = dynamotable.CloudFormation() // in a template of CloudFormation or SAM
//
// The table has on-demand billing and no index. Point-in-time recovery and deletion protection are left off:
// what it holds lives as long as a connection does and is not worth bringing back.
package dynamotable
