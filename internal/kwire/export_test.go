package kwire

// DecodeFetch reads the answer to a fetch of version 11.
func DecodeFetch(body []byte, q FetchRequest) (Page, error) {
	p := Page{Next: q.Offset, Batch: -1}
	err := p.decode(&rawAnswer{version: 11, body: body}, q)
	return p, err
}

// ErrOldFormat is what makes Fetch ask again.
var ErrOldFormat = errOldFormat
