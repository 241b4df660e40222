"""What travels: Avro schemas, the record types equal to them, and the codec for packs of them."""
