-- No message of an item's error is larger than domain::MAX_MESSAGE_BYTES.
update tenantry.batch_items set error_message = left(error_message, 1000) || '…'
where octet_length(error_message) > 4096;

alter table tenantry.batch_items add constraint batch_items_error_message_check
    check (octet_length(error_message) <= 4096);
