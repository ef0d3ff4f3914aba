// Package table is the ground that everything in the application's one DynamoDB table stands on:
// the keys of all items, the codec of their attributes, the requests with their retries, the
// errors, and the definition of the table itself.
//
// The table has a string partition key, a string sort key, on-demand billing, an expiry attribute
// and no index. Point-in-time recovery and deletion protection are off by default: most items live
// as long as a connection.
//
// # Items
//
// These are all kinds of items. Every partition key begins with the prefix of the namespace:
// nothing without one, else "@", the namespace and "#"; see [Prefix]. No two kinds share a
// partition key.
//
//	item                 pk                    sk              expires
//	connection           c#<connection id>     c               with the connection's record
//	membership           g#<group>#<part>      <connection id> with the record; tombstone: 15 minutes
//	sweeper's progress   s#sweep               s               24 hours after it was saved
//	API key              k#<0 to f>            <key id>        never
//	ticket               t#<hash>              t               a second after the ticket
//	renewal              a#<connection id>     a               3 hours after it was saved
//	token bucket         r#<key>               b               an hour after the bucket is full
//	use of a quota       r#<key>               q#<start>       an hour after the period from start
//	plan                 p#                    <name>          never
//	usage of a day       u#<day>               <kind>#<name>   400 days after the day
//
// An item has an expiry (exp) unless it never expires, and the attributes of its kind, which the
// code that reads and writes it names. docs/adr/0007-table.md explains the choice for connections
// and memberships.
package table
