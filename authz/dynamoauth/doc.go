// Package dynamoauth keeps one-time tickets and renewed credentials in the table of package conn/dynamoconn, for
// applications of more than one process, as all in Lambda are.
//
//	store, err := dynamoauth.New(dynamodb.NewFromConfig(cfg), "chat")
//	if err != nil {
//		return err
//	}
//	tickets := authz.NewTickets(store)
//	expiry := authz.NewCredentialExpiry(authz.WithRenewals(store, tokens), authz.WithDisconnector(client, nil))
//
// A ticket costs one write unit to issue and one to use, if its principal fits into a kilobyte with it; a renewal costs one
// write unit, and one read unit in each other process that meets the connection when its earlier token has expired (AWS,
// "Amazon DynamoDB pricing": on-demand capacity). The credentials need dynamodb:PutItem, GetItem and DeleteItem.
//
// # In the table
//
// Every item expires by the attribute exp, so that whoever asks for tickets without using them leaves nothing behind.
//
//	ticket   pk t#<hash>          sk t   principal, origin, expiry
//	renewal  pk a#<connection>    sk a   principal
package dynamoauth
