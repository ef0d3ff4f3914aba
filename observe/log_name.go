package observe

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The words and phrases of names whose values are secret. A name that ends with a word of exempt
// says something about a secret and is not one, such as tokenType.
const (
	secretWords = "authorization,credential,credentials,cookie,cookies,jwt,otp,passphrase,passphrases,passwd," +
		"password,passwords,pwd,secret,secrets,signature,ticket,tickets,token,tokens," +
		"access key,api key,api keys,auth,bearer,connection string,encryption key,private key,secret key,session key," +
		"signing key,usage identifier key,usage key,websocket protocol"
	exempt = "age,arn,at,bytes,count,error,expiration,expires,expiry,id,kind,length,limit,name,rate,size,status," +
		"ttl,type,version"
	// strongWords are secret although they end with an exempt word: AppRole of HashiCorp Vault has
	// a secret_id, and who has the id of a session is in it.
	strongWords = "secret id,session id"
	// secretEnds are words that others are run together with, as in accesstoken.
	secretEnds = "apikey,authorization,cookie,credential,credentials,passphrase,passwd,password,secret,token"
	// bodyEnds are the last words of names of what clients and servers send.
	bodyEnds = "bodies,body,data,frame,frames,payload,payloads"
)

// class is what a name says about its value.
type class int

const (
	plain   class = iota
	body          // a message, or a part of one
	secret        // what grants access
	secrets       // the plural of a secret: a number under such a name is a count
)

// nameClasses classifies names. Do not change it once it is in use.
type nameClasses struct {
	phrases map[string]phrase // by their words without spaces
	longest int               // number of words that a phrase may have
	exempt  map[string]bool
	bodies  map[string]bool
	ends    []string
	keep    map[string]bool
}

// phrase is what classifies a name that contains it.
type phrase struct {
	class  class
	strong bool // an exempt word at the end changes nothing
}

// newNameClasses returns the classes of names with more secret phrases, and with names that are not
// secret although they look like it.
func newNameClasses(redact, keep []string) *nameClasses {
	n := &nameClasses{
		phrases: map[string]phrase{}, exempt: set(exempt), bodies: set(bodyEnds), ends: strings.Split(secretEnds, ","),
	}
	for text := range strings.SplitSeq(secretWords, ",") {
		n.add(text, false)
	}
	for text := range strings.SplitSeq(strongWords, ",") {
		n.add(text, true)
	}
	for _, text := range redact {
		n.add(text, true)
	}
	n.keep = make(map[string]bool, len(keep))
	for _, name := range keep {
		n.keep[strings.ToLower(name)] = true
	}
	return n
}

func set(list string) map[string]bool {
	all := map[string]bool{}
	for word := range strings.SplitSeq(list, ",") {
		all[word] = true
	}
	return all
}

// add adds a phrase.
func (n *nameClasses) add(text string, strong bool) {
	var w words
	w.text = w.split(text, nil)
	if w.n == 0 {
		return
	}
	p := phrase{class: secret, strong: strong}
	if !strong && w.text[len(w.text)-1] == 's' {
		p.class = secrets
	}
	n.phrases[string(w.text)] = p
	n.longest = max(n.longest, w.n+1) // one more, because a word may be written as two, as in WebSocket
}

// of returns the class of a name. It does not allocate for names of the usual length.
func (n *nameClasses) of(name string) class {
	var w words
	var short [64]byte
	w.text = w.split(name, short[:0])
	if w.n == 0 {
		return plain
	}
	found := n.secret(&w)
	if found == plain && n.bodies[string(w.word(w.n-1))] {
		found = body
	}
	if found != plain && len(n.keep) > 0 && n.keep[strings.ToLower(name)] {
		return plain
	}
	return found
}

func (n *nameClasses) secret(w *words) class {
	exempt := n.exempt[string(w.word(w.n-1))]
	for from := range w.n {
		for to := from; to < min(from+n.longest, w.n); to++ {
			if p, ok := n.phrases[string(w.text[w.start[from]:w.start[to+1]])]; ok && (p.strong || !exempt) {
				return p.class
			}
		}
		if exempt {
			continue
		}
		for _, end := range n.ends {
			if word := w.word(from); len(word) > len(end) && string(word[len(word)-len(end):]) == end {
				return secret
			}
		}
	}
	return plain
}

// words are the words of a name in lower case. A word begins at a letter after something else, at a
// capital after a small letter, at the last of several capitals before a small letter, and at a
// digit after a letter: "userAPIKey2" is user, api, key, 2.
type words struct {
	text  []byte // the words, one after the other
	n     int
	start [maxWords + 1]int // of each word, and the end of the last
}

// maxWords is how many words of a name count. The rest is one word, so that no end is overlooked.
const maxWords = 16

func (w *words) word(i int) []byte { return w.text[w.start[i]:w.start[i+1]] }

// split finds the words of a name, and appends their text to text, which is empty.
func (w *words) split(name string, text []byte) []byte {
	before := kindOther
	for i, r := range name {
		kind := kindOf(r)
		if kind == kindOther {
			before = kind
			continue
		}
		begins := before == kindOther ||
			kind == kindUpper && (before != kindUpper || lowerFollows(name[i+utf8.RuneLen(r):])) ||
			(kind == kindDigit) != (before == kindDigit)
		if begins && w.n < maxWords {
			w.start[w.n] = len(text)
			w.n++
		}
		text = utf8.AppendRune(text, unicode.ToLower(r))
		w.start[w.n] = len(text)
		before = kind
	}
	return text
}

type runeKind int

const (
	kindOther runeKind = iota
	kindLower
	kindUpper
	kindDigit
)

func kindOf(r rune) runeKind {
	switch {
	case 'a' <= r && r <= 'z':
		return kindLower
	case 'A' <= r && r <= 'Z':
		return kindUpper
	case '0' <= r && r <= '9':
		return kindDigit
	case r < utf8.RuneSelf:
		return kindOther
	case unicode.IsUpper(r):
		return kindUpper
	case unicode.IsLetter(r):
		return kindLower
	case unicode.IsDigit(r):
		return kindDigit
	}
	return kindOther
}

func lowerFollows(rest string) bool {
	r, _ := utf8.DecodeRuneInString(rest)
	return kindOf(r) == kindLower
}
